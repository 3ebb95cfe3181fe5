import { Badge, Button, Card, Group, SimpleGrid, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { IconClock, IconUpload } from "@tabler/icons-react";

import type { TableLine } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { useAddress } from "../where";
import { ago, count, day, moment, size } from "./format";
import { History } from "./History";
import { useData } from "./queries";

const TITLES: Record<string, string> = {
  interactions: "Interactions",
  items: "Items",
  users: "Shoppers",
  actions: "Actions",
  action_interactions: "Answers to actions",
  decisions: "Answers given",
  other_events: "Other events",
};

export const titleOf = (kind: string): string => TITLES[kind] ?? kind;

/** The tables, how fresh they are, and whether what serves has seen them. */
export function Overview({ shop }: { shop: string }) {
  const found = useData(shop);
  const [, change] = useAddress();
  const bringIn = (
    <Button leftSection={<IconUpload size={16} aria-hidden />} onClick={() => change({ tab: "import" })}>
      Import files
    </Button>
  );
  if (found.error) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  if (shop && found.data && found.data.tables.length === 0) {
    return (
      <EmptyState title="Nothing was imported yet" action={bringIn} command={`endcap import FILE --shop ${shop}`}>
        Bring in what shoppers did, and the catalogue: CSV, JSON Lines, Parquet or Excel.
      </EmptyState>
    );
  }
  if (!shop) {
    return <EmptyState title="There is no shop yet" action={bringIn} command="endcap import FILE --shop NAME" />;
  }
  return (
    <Stack gap="lg">
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
        {found.data
          ? found.data.tables.map((table) => <Tile key={table.kind} table={table} now={found.data.now} />)
          : [0, 1, 2, 3].map((place) => <Skeleton key={place} h={118} radius="lg" />)}
      </SimpleGrid>
      <Card>
        <Group justify="space-between" mb="sm" gap="sm">
          <Title order={2} size="h3">
            Freshness
          </Title>
          {bringIn}
        </Group>
        {found.data ? <Freshness data={found.data} /> : <Skeleton h={140} />}
      </Card>
      <History shop={shop} kinds={found.data?.tables.map((table) => table.kind) ?? []} />
      <SameIn same={sameOf(shop)} />
    </Stack>
  );
}

function Tile({ table, now }: { table: TableLine; now: number }) {
  return (
    <Card mih={118}>
      <Text size="sm" c="var(--quiet)">
        {titleOf(table.kind)}
      </Text>
      <Text fz={26} fw={650} lh={1.3}>
        {count(table.rows)}
      </Text>
      <Text size="xs" c="var(--quiet)">
        {table.columns} columns · {size(table.bytes)} · version {table.version}
      </Text>
      <Text size="xs" c="var(--quiet)" title={moment(table.updated)}>
        changed {ago(table.updated, now)}
      </Text>
    </Card>
  );
}

function Freshness({ data }: { data: NonNullable<ReturnType<typeof useData>["data"]> }) {
  const events = data.tables.filter((table) => table.newest > 1e12);
  return (
    <Stack gap="sm">
      <Table.ScrollContainer type="native" tabIndex={0} minWidth={560}>
        <Table aria-label="Freshness of each table">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Table</Table.Th>
              <Table.Th>Oldest event</Table.Th>
              <Table.Th>Newest event</Table.Th>
              <Table.Th>Last change</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {events.map((table) => (
              <Table.Tr key={table.kind}>
                <Table.Td>{titleOf(table.kind)}</Table.Td>
                <Table.Td>{day(table.oldest)}</Table.Td>
                <Table.Td>
                  {day(table.newest)}{" "}
                  <Text span size="sm" c="var(--quiet)">
                    {ago(table.newest, data.now)}
                  </Text>
                </Table.Td>
                <Table.Td>{ago(table.updated, data.now)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Group gap="xs">
        <Badge variant="light" color={data.lag ? "yellow" : "pine"} leftSection={<IconClock size={12} aria-hidden />}>
          {data.lag ? `${count(data.lag)} records on their way into the tables` : "Every live record is in the tables"}
        </Badge>
        {data.trainedOn.map((each) => (
          <Badge key={each.campaign} variant="light" color={each.behind ? "yellow" : "pine"} tt="none">
            {each.campaign}: {each.behind ? `learned up to ${day(each.trainedUntil)}, data is newer` : "has seen all data"}
          </Badge>
        ))}
      </Group>
    </Stack>
  );
}

function sameOf(shop: string) {
  return {
    cli: `endcap status\nendcap check --shop ${shop}`,
    python: [
      "from endcap.jobs.workspace import open_workspace",
      "from endcap.settings import load_settings",
      "",
      "workspace = open_workspace(load_settings())",
      `shop = workspace.shop(${JSON.stringify(shop)})`,
      "print(workspace.lake.snapshot(shop).text)",
      'print(workspace.lake.history(shop, "interactions"))',
    ].join("\n"),
    api: `curl -s "$ENDCAP_URL/console/api/data?shop=${encodeURIComponent(shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
  };
}
