import { Accordion, Badge, Code, Group, Text } from "@mantine/core";

import type { RejectReason } from "../../api/schema";
import { count } from "./format";

/** Why rows were refused, the most frequent reason first, each with a few of the rows. */
export function Reasons({ reasons }: { reasons: RejectReason[] }) {
  if (reasons.length === 0) return null;
  return (
    <Accordion variant="separated" multiple defaultValue={["r0", "r1"]}>
      {reasons.map((reason, place) => (
        <Accordion.Item key={reason.kind + reason.reason} value={`r${place}`}>
          <Accordion.Control>
            <Group gap="xs">
              <Badge color="red" variant="light">
                {count(reason.count)}
              </Badge>
              <Text size="sm" fw={600}>
                {reason.reason}
              </Text>
            </Group>
          </Accordion.Control>
          <Accordion.Panel>
            {reason.examples.map((example) => (
              <Group key={`${example.file} ${example.row}`} gap="xs" mb={6} wrap="nowrap" align="flex-start">
                <Text size="xs" c="var(--quiet)" w={150} truncate flex="none">
                  {example.file}, row {count(example.row)}
                </Text>
                <Code flex={1} block>
                  {example.raw}
                </Code>
              </Group>
            ))}
          </Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}
