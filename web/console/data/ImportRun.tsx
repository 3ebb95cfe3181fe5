import { Alert, Button, Group, Progress, SimpleGrid, Skeleton, Stack, Text } from "@mantine/core";
import { IconCircleCheck, IconDownload, IconUrgent } from "@tabler/icons-react";

import type { ImportState } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { useAddress } from "../where";
import { count, left, seconds } from "./format";
import { hasEnded, rejectsAt, useImport, useStart } from "./queries";
import { Reasons } from "./Reasons";

interface Props {
  shop: string;
  id: string;
  canGoBack: boolean;
  onBack: () => void;
  onAgain: () => void;
}

/** One import or try: how far it is, then what came of it, and the next step. */
export function ImportRun({ shop, id, canGoBack, onBack, onAgain }: Props) {
  const found = useImport(shop, id);
  const [address, change] = useAddress();
  const start = useStart();
  if (found.error) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Skeleton h={240} radius="md" />;
  const state = found.data;
  if (!hasEnded(state.status)) return <Running state={state} />;
  const uploads = (address.get("files") ?? "").split(",").filter(Boolean);
  const importNow = () =>
    start.mutate(
      { shop, uploads, mapping: state.mapping, kind: state.kind, dialect: state.askedDialect, mode: state.mode, dryRun: false },
      { onSuccess: (made) => change({ run: made.id }) },
    );
  return (
    <Stack gap="md">
      <Outcome state={state} />
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
        {state.kinds.map((kind) => (
          <div key={kind.kind}>
            <Text size="sm" c="var(--quiet)">
              {kind.kind === "users" ? "shoppers" : kind.kind}
            </Text>
            <Text fz={24} fw={650} lh={1.2}>
              {count(kind.accepted)} accepted
            </Text>
            <Text size="sm" c="var(--quiet)">
              {count(kind.rejected)} rejected · {count(kind.duplicates + kind.merged)} came twice
            </Text>
          </div>
        ))}
      </SimpleGrid>
      <Reasons reasons={state.reasons} />
      <Group gap="sm">
        {state.status === "done" && state.dryRun && (
          <Button onClick={importNow} loading={start.isPending}>
            Import
          </Button>
        )}
        {state.hasRejects && (
          <Button component="a" href={rejectsAt(shop, id)} download variant="default" leftSection={<IconDownload size={16} aria-hidden />}>
            Download rejected rows
          </Button>
        )}
        {canGoBack && (state.dryRun || state.status !== "done") && (
          <Button variant="default" onClick={onBack}>
            Change columns
          </Button>
        )}
        {!state.dryRun && (
          <>
            <Button variant={state.status === "done" ? "filled" : "default"} onClick={() => change({ tab: "health", files: null, run: null })}>
              See what is odd about it
            </Button>
            <Button variant="default" onClick={onAgain}>
              Import more
            </Button>
          </>
        )}
      </Group>
      {start.error ? <ErrorNote error={start.error} /> : null}
    </Stack>
  );
}

function Running({ state }: { state: ImportState }) {
  const share = state.total ? (100 * state.done) / state.total : 100;
  return (
    <Stack gap="xs" mih={160} justify="center" role="status" aria-live="polite">
      <Text fw={600}>{state.label || "Waiting for its turn"}</Text>
      <Progress value={share} animated={!state.total} striped={!state.total} aria-label={state.label || "Waiting"} />
      <Text size="sm" c="var(--quiet)">
        {state.done ? `${count(state.done)} ${state.unit}` : " "} {left(state.eta)}
      </Text>
    </Stack>
  );
}

function Outcome({ state }: { state: ImportState }) {
  if (state.status !== "done") {
    return (
      <Alert color="red" variant="light" icon={<IconUrgent aria-hidden />} title="Nothing was imported" role="alert">
        {state.reason || "It was stopped."}
      </Alert>
    );
  }
  const rejected = state.kinds.reduce((sum, kind) => sum + kind.rejected, 0);
  const title = state.dryRun ? "Tried: nothing was written" : "Imported";
  return (
    <Alert color={rejected ? "yellow" : "pine"} variant="light" icon={<IconCircleCheck aria-hidden />} title={title} role="status">
      {rejected ? `${count(rejected)} rows were refused; every one is kept with its reason.` : "Every row could be read."} {seconds(state.seconds)}.
    </Alert>
  );
}
