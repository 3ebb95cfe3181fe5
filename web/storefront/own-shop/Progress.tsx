import { Alert, Anchor, Button, Card, Group, Progress as Bar, Skeleton, Stack, Stepper, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";

import type { OwnShop } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { linksOf } from "../links";
import { learnAgain, useOwnShop } from "./opening";
import css from "./OwnShop.module.css";
import { Rows } from "./Rows";
import { Stands } from "./Stands";

const STAGES = ["waiting", "import", "train", "serve", "open"];

/** How far a shop is: what was read and what was left out, what was trained, what serves. */
export function Progress({ shop, onAgain }: { shop: string; onAgain: () => void }) {
  const { data, error, refetch } = useOwnShop(shop);
  if (error) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton h={420} radius="lg" />;
  const isOpen = data.stage === "open";
  return (
    <Stack data-stage-of={data.stage}>
      <Card bg="var(--surface)">
        <Stepper active={STAGES.indexOf(data.stage)} size="sm" iconSize={30} allowNextStepsSelect={false}>
          <Stepper.Step label="Sent" />
          <Stepper.Step label={data.learns ? "Gather" : "Import"} loading={data.stage === "import"} />
          <Stepper.Step label="Train" loading={data.stage === "train"} />
          <Stepper.Step label="Serve" loading={data.stage === "serve" && !data.error} />
        </Stepper>
        <div style={{ minHeight: 44 }}>
          <Working own={data} />
        </div>
      </Card>
      {data.error && (
        <Alert color="red" title="It stopped" role="alert">
          <Text size="sm">{data.error}</Text>
          <Button mt="sm" size="xs" variant="default" onClick={onAgain}>
            Try another file
          </Button>
        </Alert>
      )}
      {isOpen && <Opened own={data} />}
      <Rows own={data} />
      <Stands own={data} />
      {data.log && data.log.length > 0 && (
        <pre className={css.log} tabIndex={0} aria-label="Log">
          {data.log.join("\n")}
        </pre>
      )}
      <SameIn same={{ cli: (data.commands ?? []).join("\n") }} />
      <Anchor component="button" size="sm" onClick={onAgain} style={{ alignSelf: "flex-start" }}>
        Open another shop
      </Anchor>
    </Stack>
  );
}

function Working({ own }: { own: OwnShop }) {
  const { label = "", done = 0, total = 0, unit = "" } = own.progress;
  if (own.stage === "open" || own.error) return null;
  return (
    <>
      <Bar mt="md" value={total ? (100 * done) / total : 100} animated={!total} aria-label="How far it is" />
      <Text size="xs" c="var(--quiet)" mt={4} role="status">
        {label || own.stage} {done > 0 && `· ${done.toLocaleString("en-GB")}${total ? ` of ${total.toLocaleString("en-GB")}` : ""} ${unit}`}
      </Text>
    </>
  );
}

function Opened({ own }: { own: OwnShop }) {
  const queries = useQueryClient();
  const learning = useMutation({
    mutationFn: () => learnAgain(own.shop),
    onSuccess: (next) => queries.setQueryData(["own-shop", own.shop], next),
  });
  return (
    <Card bg="var(--surface)">
      <Group justify="space-between">
        <div>
          <Text fw={650}>
            {own.shop} is open, {own.seconds.toFixed(0)} seconds after the file came.
          </Text>
          <Text size="sm" c="var(--quiet)">
            {(own.items ?? 0).toLocaleString("en-GB")} products, {(own.events ?? 0).toLocaleString("en-GB")} events learned from.
          </Text>
        </div>
        <Group gap="xs">
          <Button variant="default" loading={learning.isPending} onClick={() => learning.mutate()}>
            Learn from what happened since
          </Button>
          <Button component={Link} href={linksOf(own.shop, "").home}>
            Go to the shop
          </Button>
        </Group>
      </Group>
      {learning.error && <ErrorNote error={learning.error} />}
    </Card>
  );
}
