import { Anchor, Card, Group, List, Text } from "@mantine/core";

import type { OwnShop } from "../../api/schema";

/** What was read, and what was left out and why. */
export function Rows({ own }: { own: OwnShop }) {
  if (!own.brought?.length) return null;
  return (
    <Card bg="var(--surface)">
      {own.brought.map((part) => (
        <div key={part.kind} data-brought={part.kind}>
          <Group justify="space-between">
            <Text fw={650}>
              {part.accepted.toLocaleString("en-GB")} {part.kind} accepted
              {part.rejected > 0 && `, ${part.rejected.toLocaleString("en-GB")} rejected`}
            </Text>
            {part.rejected > 0 && own.rejects && (
              <Anchor href={`/shop/api/own-shops/${encodeURIComponent(own.shop)}/rejects`} download="rejects.csv" size="sm" underline="always">
                Download the rejected rows
              </Anchor>
            )}
          </Group>
          <List size="sm" spacing={2} mt={4}>
            {(part.reasons ?? []).map((each) => (
              <List.Item key={each.reason}>
                {each.rows.toLocaleString("en-GB")} × {each.reason}
                {each.example && (
                  <Text size="xs" c="var(--quiet)" style={{ overflowWrap: "anywhere" }} lineClamp={2}>
                    {each.example}
                  </Text>
                )}
              </List.Item>
            ))}
          </List>
        </div>
      ))}
      {(own.notes ?? []).map((note) => (
        <Text key={note} size="xs" c="var(--quiet)" mt={4}>
          {note}
        </Text>
      ))}
    </Card>
  );
}
