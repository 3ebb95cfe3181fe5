import { Badge, Card, Group, Stack, Text } from "@mantine/core";

import type { OwnShop } from "../../api/schema";

/** What answers each purpose now, and what takes over once shoppers have come. */
export function Stands({ own }: { own: OwnShop }) {
  if (!own.stands?.length) return null;
  return (
    <Card bg="var(--surface)">
      <Text fw={650} mb="xs">
        What answers, and what waits for shoppers
      </Text>
      <Stack gap={6}>
        {own.stands.map((stand) => (
          <Group key={stand.purpose} gap="xs" wrap="nowrap" align="flex-start">
            <Badge variant={stand.recipe ? "light" : "outline"} color={stand.recipe ? "pine" : "gray"} tt="none" miw={120}>
              {stand.purpose}
            </Badge>
            <Text size="sm">
              {stand.waiting || <b>{stand.recipe}</b>}
            </Text>
          </Group>
        ))}
      </Stack>
    </Card>
  );
}
