import { Card, Center, Code, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  title: string;
  children?: ReactNode;
  /** The command that fills it. */
  command?: string;
  action?: ReactNode;
}

/** Nothing here yet, and the next step that changes it. */
export function EmptyState({ title, children, command, action }: Props) {
  return (
    <Card>
      <Center mih={160}>
        <Stack align="center" gap="xs" maw={520} ta="center">
          <Text fw={600}>{title}</Text>
          {children && (
            <Text size="sm" c="var(--quiet)">
              {children}
            </Text>
          )}
          {command && <Code>{command}</Code>}
          {action}
        </Stack>
      </Center>
    </Card>
  );
}
