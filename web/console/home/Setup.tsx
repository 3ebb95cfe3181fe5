import { Button, Card, Code, CopyButton, Group, Loader, Skeleton, Text, Title } from "@mantine/core";
import { IconArrowRight, IconCheck, IconExclamationMark } from "@tabler/icons-react";
import { Link } from "wouter";

import type { HomeShown, SetupStep } from "../../api/schema";
import { screen } from "../where";
import classes from "./Home.module.css";

const TITLES: Record<string, string> = {
  data: "Bring in data",
  checks: "Check it",
  train: "Train a model",
  compare: "Compare it",
  publish: "Publish it",
  track: "Track events",
};
const DOES: Record<string, string> = {
  data: "Import files",
  checks: "See the health report",
  train: "Choose a recipe",
  compare: "Compare versions",
  publish: "Publish a version",
  track: "Watch events come in",
};
const TABS: Record<string, string> = { data: "&tab=import", checks: "&tab=health", track: "&tab=live" };

/** What is left to do until a shop serves and learns, in order. */
export function Setup({ found }: { found: HomeShown | undefined }) {
  if (!found) return <Skeleton h={360} radius="lg" />;
  const done = found.setup.filter((step) => step.state === "done").length;
  return (
    <Card component="section" aria-labelledby="setup">
      <Group justify="space-between">
        <Title order={2} size="h3" id="setup">
          Set up
        </Title>
        <Text size="sm" c="var(--quiet)">
          {done} of {found.setup.length} done
        </Text>
      </Group>
      <ol className={classes.steps}>
        {found.setup.map((step, place) => (
          <One key={step.name} step={step} place={place + 1} shop={found.shop} />
        ))}
      </ol>
    </Card>
  );
}

function One({ step, place, shop }: { step: SetupStep; place: number; shop: string }) {
  const isOpen = step.state === "next" || step.state === "problem";
  const at = `${screen(step.screen, shop)}${shop ? (TABS[step.name] ?? "") : ""}`;
  return (
    <li className={classes.step} data-state={step.state}>
      <span className={classes.sign} data-state={step.state}>
        <Sign state={step.state} place={place} />
      </span>
      <div>
        <Text fw={550}>{TITLES[step.name] ?? step.name}</Text>
        <Text size="sm" c="var(--quiet)">
          {step.told}
        </Text>
        {step.state === "next" && (
          <CopyButton value={step.command}>
            {({ copied, copy }) => (
              <Button
                variant="transparent"
                size="compact-xs"
                h="auto"
                px={0}
                mt={4}
                styles={{ label: { whiteSpace: "normal", textAlign: "left", overflowWrap: "anywhere" } }}
                onClick={copy}
                aria-label={`Copy ${step.command}`}
              >
                <Code>{step.command}</Code>
                {copied ? " copied" : ""}
              </Button>
            )}
          </CopyButton>
        )}
      </div>
      {isOpen ? (
        <Button component={Link} href={at} size="xs" variant={step.state === "next" ? "filled" : "default"} rightSection={<IconArrowRight size={14} aria-hidden />}>
          {DOES[step.name] ?? "Go"}
        </Button>
      ) : (
        <Button component={Link} href={at} size="compact-xs" variant="subtle" aria-label={`See ${TITLES[step.name] ?? step.name}`}>
          See
        </Button>
      )}
    </li>
  );
}

function Sign({ state, place }: { state: string; place: number }) {
  if (state === "done") return <IconCheck size={15} aria-label="done" />;
  if (state === "problem") return <IconExclamationMark size={15} aria-label="problem" />;
  if (state === "working") return <Loader size={14} role="status" aria-label="working" />;
  return <span>{place}</span>;
}
