import { Badge, Button, Card, Code, Group, ScrollArea, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import type { Arrival, RefusedEvent } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { ago, count, moment } from "./format";
import { useArrivals } from "./queries";

const KEPT = 300;

/** What arrives just now, newest first, and what is refused, with the reason. */
export function Arriving({ shop }: { shop: string }) {
  const [isOn, setOn] = useState(true);
  const [cursor, setCursor] = useState("");
  const [records, setRecords] = useState<Arrival[]>([]);
  const found = useArrivals(shop, cursor, isOn);
  const fresh = found.data;

  useEffect(() => {
    if (!fresh || fresh.cursor === cursor) return;
    setRecords((known) => {
      const seen = new Set(known.map((each) => each.offset));
      return [...fresh.records.filter((each) => !seen.has(each.offset)).reverse(), ...known].slice(0, KEPT);
    });
    setCursor(fresh.cursor);
  }, [fresh, cursor]);

  if (found.error) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Group gap="xs">
          <Badge variant="dot" color={isOn ? "pine" : "gray"} tt="none">
            {isOn ? "Listening" : "Paused"}
          </Badge>
          <Text size="sm" c="var(--quiet)">
            {count(records.length)} records shown
          </Text>
        </Group>
        <Button
          size="xs"
          variant="default"
          leftSection={isOn ? <IconPlayerPause size={14} aria-hidden /> : <IconPlayerPlay size={14} aria-hidden />}
          onClick={() => setOn(!isOn)}
        >
          {isOn ? "Pause" : "Go on"}
        </Button>
      </Group>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Accepted records={records} shop={shop} />
        <Rejected refused={fresh?.refused ?? []} />
      </SimpleGrid>
      <SameIn
        same={{
          cli: `endcap log show --shop ${shop}\nendcap collect rejected --shop ${shop}`,
          python: "from endcap.jobs.log_status import offset, records\n\nfor record in records(workspace, offset(\"0:1\"), shop, 100):\n    print(record)",
          api: `curl -s "$ENDCAP_URL/console/api/data/arrivals?shop=${encodeURIComponent(shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
        }}
      />
    </Stack>
  );
}

function Accepted({ records, shop }: { records: Arrival[]; shop: string }) {
  return (
    <Card>
      <Title order={2} size="h3" mb="sm">
        Accepted
      </Title>
      {records.length === 0 ? (
        <EmptyState title="Nothing has arrived lately" command={`open /shop/${shop}`}>
          Click around in the storefront, or send events with PutEvents: they appear here within two seconds.
        </EmptyState>
      ) : (
        <ScrollArea h={460} viewportProps={{ tabIndex: 0 }}>
          <Table aria-label="Accepted records" stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>When</Table.Th>
                <Table.Th>What</Table.Th>
                <Table.Th>Of whom</Table.Th>
                <Table.Th>Item</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {records.map((record) => (
                <Table.Tr key={record.offset} title={record.detail}>
                  <Table.Td title={moment(record.time)}>{ago(record.time)}</Table.Td>
                  <Table.Td>{record.eventType || record.kind}</Table.Td>
                  <Table.Td>{record.key}</Table.Td>
                  <Table.Td>{record.item || "–"}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </ScrollArea>
      )}
    </Card>
  );
}

function Rejected({ refused }: { refused: RefusedEvent[] }) {
  return (
    <Card>
      <Title order={2} size="h3" mb="sm">
        Rejected
      </Title>
      {refused.length === 0 ? (
        <EmptyState title="Nothing was refused">Every event that came could be read.</EmptyState>
      ) : (
        <ScrollArea h={460} viewportProps={{ tabIndex: 0 }}>
          <Stack gap="sm">
            {[...refused].reverse().map((each, place) => (
              <div key={`${each.time} ${place}`}>
                <Group justify="space-between" gap="xs" wrap="nowrap">
                  <Text size="sm" fw={600}>
                    {each.reason}
                  </Text>
                  <Text size="xs" c="var(--quiet)">
                    {ago(each.time)}
                  </Text>
                </Group>
                <Code block>{each.detail}</Code>
              </div>
            ))}
          </Stack>
        </ScrollArea>
      )}
    </Card>
  );
}
