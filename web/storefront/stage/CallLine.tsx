import { Badge, Group, Text } from "@mantine/core";

import type { Answered } from "../../api/schema";
import { SameIn } from "../../ui/SameIn";
import type { NotedCall } from "../calls";
import { Funnel } from "./Funnel";
import css from "./Stage.module.css";
import { sameOf } from "./same";

/** One call: what was asked, how it went, and the same call for elsewhere. */
export function CallLine({ call }: { call: NotedCall }) {
  const bad = !!call.error || !!call.taken?.rejected.length;
  return (
    <li className={css.call} data-bad={bad || undefined} data-call={call.name}>
      <div className={css.line}>
        <Text size="sm" fw={650} style={{ overflowWrap: "anywhere" }}>
          {titleOf(call)}
        </Text>
        <Text size="xs" c="var(--quiet)" style={{ whiteSpace: "nowrap" }}>
          {call.ms.toFixed(0)} ms round trip
        </Text>
      </div>
      {call.error && (
        <Text size="sm" c="red" mt={4}>
          {call.error}
        </Text>
      )}
      {call.taken && <TakenLine call={call} />}
      {call.answers.map((answered) => (
        <AnswerLine key={answered.recommendationId} call={call} answered={answered} />
      ))}
      {!call.answers.length && <SameIn same={sameOf(call)} />}
    </li>
  );
}

function titleOf(call: NotedCall): string {
  if (call.events.length) {
    const kinds = [...new Set(call.events.map((event) => event.event_type))].join(", ");
    const items = call.events.flatMap((event) => (event.item_id ? [event.item_id] : [])).slice(0, 2);
    return items.length ? `${kinds} · ${items.join(", ")}` : kinds;
  }
  return `${call.method} ${call.path}`;
}

function TakenLine({ call }: { call: NotedCall }) {
  const taken = call.taken;
  if (!taken) return null;
  return (
    <>
      <Group gap={6} mt={4}>
        {taken.accepted > 0 && (
          <Badge size="sm" color="green" variant="light" tt="none">
            {taken.accepted} accepted
          </Badge>
        )}
        {taken.rejected.length > 0 && (
          <Badge size="sm" color="red" variant="light" tt="none">
            {taken.rejected.length} rejected
          </Badge>
        )}
        <Text size="xs" c="var(--quiet)">
          durable and counted after {taken.ms.toFixed(1)} ms
        </Text>
      </Group>
      {taken.rejected.map((each) => (
        <Text key={each.index} size="xs" c="red" mt={2}>
          {each.reason}
        </Text>
      ))}
    </>
  );
}

function AnswerLine({ call, answered }: { call: NotedCall; answered: Answered }) {
  return (
    <div>
      <Group gap={6} mt={6}>
        <Badge size="sm" variant="light" tt="none">
          {answered.purpose}
        </Badge>
        <Text size="xs">
          {answered.recipe} · version {answered.version} · {answered.ms.toFixed(1)} ms
        </Text>
      </Group>
      <Funnel counts={answered.counts ?? {}} />
      <Text size="xs" c="var(--quiet)" mt={4}>
        answered {answered.rung === "personal" ? "personally" : `from: ${answered.rung}`}
        {answered.because && ` (${answered.because})`} · {answered.counts?.allowed === undefined ? "no filter" : "filtered"}
      </Text>
      <SameIn same={sameOf(call, answered)} />
    </div>
  );
}
