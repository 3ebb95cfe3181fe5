import { Badge, Card, Group, SegmentedControl, Skeleton, Table, Text, Title } from "@mantine/core";

import { ErrorNote } from "../../ui/ErrorNote";
import { useAddress } from "../where";
import { ago, count, moment } from "./format";
import { titleOf } from "./Overview";
import { useHistory } from "./queries";

const SHOWN = ["interactions", "items", "users", "actions", "action_interactions"];

/** The versions of a table: every import and every sink is one, and a model says which it learned from. */
export function History({ shop, kinds }: { shop: string; kinds: string[] }) {
  const [address, change] = useAddress();
  const shown = SHOWN.filter((kind) => kinds.includes(kind));
  const kind = shown.find((each) => each === address.get("history")) ?? shown[0] ?? "";
  const found = useHistory(shop, kind);
  return (
    <Card>
      <Group justify="space-between" mb="sm" gap="sm">
        <Title order={2} size="h3">
          Versions
        </Title>
        {shown.length > 1 && (
          <SegmentedControl
            size="xs"
            aria-label="Table"
            value={kind}
            onChange={(value) => change({ history: value === shown[0] ? null : value })}
            data={shown.map((value) => ({ value, label: titleOf(value) }))}
          />
        )}
      </Group>
      {found.error ? <ErrorNote error={found.error} retry={() => void found.refetch()} /> : null}
      {!found.data && !found.error && <Skeleton h={160} />}
      {found.data && (
        <Table.ScrollContainer type="native" tabIndex={0} minWidth={560} mah={340}>
          <Table aria-label={`Versions of ${titleOf(kind)}`} stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Version</Table.Th>
                <Table.Th>When</Table.Th>
                <Table.Th>How</Table.Th>
                <Table.Th ta="right">Rows</Table.Th>
                <Table.Th ta="right">Brought</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.data.versions.map((version) => (
                <Table.Tr key={version.version}>
                  <Table.Td>
                    {kind}@{version.version}
                  </Table.Td>
                  <Table.Td title={moment(version.time)}>{ago(version.time)}</Table.Td>
                  <Table.Td>
                    <Badge variant="light" color="gray" tt="none">
                      {version.mode === "FULL" ? "replaced" : version.mode === "INCREMENTAL" ? "added" : "streamed"}
                    </Badge>
                  </Table.Td>
                  <Table.Td ta="right">{count(version.rows)}</Table.Td>
                  <Table.Td ta="right">
                    <Text span size="sm" c="var(--quiet)">
                      {version.received ? count(version.received) : "–"}
                    </Text>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Card>
  );
}
