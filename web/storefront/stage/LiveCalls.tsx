import { Button, Group, Text } from "@mantine/core";

import { EmptyState } from "../../ui/EmptyState";
import { clearCalls, useCalls } from "../calls";
import { CallLine } from "./CallLine";
import css from "./Stage.module.css";

const SHOWN = 60;

/** Each call of the page, newest first: events with what became of them, questions with how they were answered. */
export function LiveCalls() {
  const calls = useCalls();
  const events = calls.flatMap((call) => (call.taken ? [call.taken] : []));
  const accepted = events.reduce((sum, taken) => sum + taken.accepted, 0);
  const rejected = events.reduce((sum, taken) => sum + taken.rejected.length, 0);
  const answers = calls.reduce((sum, call) => sum + call.answers.length, 0);
  if (!calls.length) {
    return <EmptyState title="Nothing was asked yet">Open a product: its view appears here as it is taken.</EmptyState>;
  }
  return (
    <>
      <Group justify="space-between" mb="sm" wrap="nowrap">
        <Text size="sm" c="var(--quiet)" role="status">
          Events: {accepted} accepted, {rejected} rejected · answers: {answers}
        </Text>
        <Button size="compact-xs" variant="default" onClick={clearCalls}>
          Clear
        </Button>
      </Group>
      <ul className={css.list} aria-label="Calls, newest first">
        {calls.slice(0, SHOWN).map((call) => (
          <CallLine key={call.id} call={call} />
        ))}
      </ul>
    </>
  );
}
