import { ActionIcon, Box, CopyButton, Group, SegmentedControl, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconCheck, IconChevronDown, IconCopy } from "@tabler/icons-react";
import { useState } from "react";

import classes from "./SameIn.module.css";

export interface Same {
  cli?: string;
  python?: string;
  /** A curl line, or the request itself. */
  api?: string;
}

const NAMES: Record<keyof Same, string> = { cli: "CLI", python: "Python", api: "API" };

/** What this screen does, as a command, as Python and as a request: to be copied. */
export function SameIn({ same, opened = false }: { same: Same; opened?: boolean }) {
  const kinds = (Object.keys(NAMES) as (keyof Same)[]).filter((kind) => same[kind]);
  const [isOpen, setOpen] = useState(opened);
  const [kind, setKind] = useState<keyof Same>(kinds[0] ?? "cli");
  const text = same[kind] ?? "";
  if (kinds.length === 0) return null;
  return (
    <Box className={classes.box}>
      <UnstyledButton className={classes.head} onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
        <Text size="sm" fw={600}>
          The same in {kinds.map((each) => NAMES[each]).join(" · ")}
        </Text>
        <IconChevronDown size={16} aria-hidden className={classes.arrow} data-open={isOpen || undefined} />
      </UnstyledButton>
      {isOpen && (
        <Box className={classes.body}>
          <Group justify="space-between" mb="xs">
            <SegmentedControl
              size="xs"
              value={kind}
              onChange={(value) => setKind(value as keyof Same)}
              data={kinds.map((each) => ({ value: each, label: NAMES[each] }))}
              aria-label="Language"
            />
            <CopyButton value={text}>
              {({ copied, copy }) => (
                <Tooltip label={copied ? "Copied" : "Copy"}>
                  <ActionIcon onClick={copy} aria-label="Copy">
                    {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
                  </ActionIcon>
                </Tooltip>
              )}
            </CopyButton>
          </Group>
          <pre className={classes.code} tabIndex={0}>
            {text}
          </pre>
        </Box>
      )}
    </Box>
  );
}
