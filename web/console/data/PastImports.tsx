import { Badge, Button, Card, Group, Table, Text, Title } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";

import { useAddress } from "../where";
import { ago, count, moment } from "./format";
import { rejectsAt, useImports } from "./queries";

/** What came in through the console before, newest first. */
export function PastImports({ shop }: { shop: string }) {
  const found = useImports(shop);
  const [, change] = useAddress();
  const imports = found.data?.imports ?? [];
  if (imports.length === 0) return null;
  return (
    <Card>
      <Title order={2} size="h3" mb="sm">
        Before
      </Title>
      <Table.ScrollContainer type="native" tabIndex={0} minWidth={560} mah={300}>
        <Table aria-label="Earlier imports">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>When</Table.Th>
              <Table.Th>What</Table.Th>
              <Table.Th>Rows</Table.Th>
              <Table.Th aria-label="Actions" />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {imports.map((each) => (
              <Table.Tr key={each.id}>
                <Table.Td title={moment(each.created)}>{ago(each.created)}</Table.Td>
                <Table.Td>
                  <Badge variant="light" color={each.status === "done" ? "pine" : each.status === "failed" ? "red" : "gray"} tt="none">
                    {each.dryRun ? `try ${each.status}` : each.status}
                  </Badge>
                </Table.Td>
                <Table.Td>
                  <Text size="sm">
                    {each.kinds.map((kind) => `${count(kind.accepted)} ${kind.kind}, ${count(kind.rejected)} rejected`).join(" · ") || each.reason}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Group gap={4} justify="flex-end" wrap="nowrap">
                    <Button size="compact-xs" variant="subtle" onClick={() => change({ run: each.id, files: null })}>
                      Show
                    </Button>
                    {each.hasRejects && (
                      <Button size="compact-xs" variant="subtle" component="a" download href={rejectsAt(shop, each.id)} aria-label="Download its rejected rows">
                        <IconDownload size={14} aria-hidden />
                      </Button>
                    )}
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}
