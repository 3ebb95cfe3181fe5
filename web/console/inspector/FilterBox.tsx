import { Group, Select, Stack, Text, Textarea } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconCheck } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import type { Inspectable } from "../../api/schema";
import { type Change, type Subject, useFilterCheck } from "./asking";
import { count } from "./words";

interface Props {
  subject: Subject;
  change: Change;
  inspectable: Inspectable | undefined;
}

/** A filter that is applied while it is written, once it can be used. */
export function FilterBox({ subject, change, inspectable }: Props) {
  const [text, setText] = useState(subject.filter);
  const [settled] = useDebouncedValue(text, 350);
  const checked = useFilterCheck(subject, settled);
  useEffect(() => setText(subject.filter), [subject.filter]);

  const isOk = !settled.trim() || (checked.data?.ok === true && !checked.isPlaceholderData);
  useEffect(() => {
    if (isOk && settled !== subject.filter) change({ filter: settled.trim() || null });
    // Only what was settled is applied; the address changes with it.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [isOk, settled]);

  const wrong = settled.trim() && checked.data && !checked.data.ok ? checked.data : null;
  const known = inspectable?.filters.filter(({ expression }) => expression) ?? [];
  const column = inspectable?.columns.find((name) => name.startsWith("CATEGORY")) ?? "CATEGORY_L1";
  return (
    <Stack gap={4}>
      <Textarea
        label="Filter"
        placeholder={`INCLUDE ItemID WHERE Items.${column} IN ("…")`}
        description="Applied as you write."
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autosize
        minRows={1}
        maxRows={5}
        spellCheck={false}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: "0.8rem" } }}
        error={wrong ? `${wrong.message} ${wrong.fix ?? ""}`.trim() : null}
      />
      <Group gap="xs" mih={18}>
        {text.trim() && checked.data?.ok && (
          <Text size="xs" c="var(--quiet)" role="status">
            <IconCheck size={12} aria-hidden /> lets {count(checked.data.allowed ?? 0)} of {count(checked.data.of ?? 0)} items
            through
          </Text>
        )}
        {known.length > 0 && (
          <Select
            size="xs"
            aria-label="A filter of this shop"
            placeholder="one of this shop's"
            data={known.map(({ name, expression }) => ({ value: expression, label: name }))}
            value={null}
            onChange={(value) => value && setText(value)}
          />
        )}
      </Group>
    </Stack>
  );
}
