import { Button, Group, Slider, Stack, Text, TextInput } from "@mantine/core";
import { IconClockX } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import type { Inspected } from "../../api/schema";
import type { Change, Subject } from "./asking";
import { moment } from "./words";

/** The moment as of which is answered: over the shopper's own events, or any other. */
export function When({ subject, change, found }: { subject: Subject; change: Change; found: Inspected | undefined }) {
  const times = [...(found?.history ?? [])].map(({ time }) => time).filter((time) => time > 1e9).reverse();
  const last = times.length;
  const at = subject.at ? times.filter((time) => time < subject.at).length : last;
  const [place, setPlace] = useState(at);
  useEffect(() => setPlace(at), [at]);
  const go = (value: number) => {
    const next = times[value];
    change({ at: value >= last || next === undefined ? null : next });
  };
  return (
    <Stack gap={6}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={500} id="as-of">
          As of
        </Text>
        <Text size="xs" c="var(--quiet)">
          {subject.at ? `${moment(subject.at)} · ${at} of ${last} events` : "now"}
        </Text>
      </Group>
      <Slider
        min={0}
        max={Math.max(last, 1)}
        value={place}
        onChange={setPlace}
        onChangeEnd={go}
        disabled={last === 0}
        label={(value) => (value >= last ? "now" : moment(times[value] ?? 0))}
        thumbLabel="As of"
        size="sm"
      />
      <Group gap="xs" wrap="nowrap">
        <TextInput
          aria-label="As of this moment"
          type="datetime-local"
          size="xs"
          style={{ flex: 1 }}
          value={subject.at ? local(subject.at) : ""}
          onChange={(event) => {
            const typed = Date.parse(event.currentTarget.value);
            if (!Number.isNaN(typed)) change({ at: typed });
          }}
        />
        <Button
          size="xs"
          variant="default"
          leftSection={<IconClockX size={14} aria-hidden />}
          disabled={!subject.at}
          onClick={() => change({ at: null })}
        >
          Now
        </Button>
      </Group>
    </Stack>
  );
}

/** As the input wants it: local, to the minute. */
function local(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
