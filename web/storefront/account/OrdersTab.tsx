import { Card, Group, Skeleton, Stack, Text } from "@mantine/core";

import type { Bought } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { Picture } from "../../ui/Picture";
import { pictured } from "../pictured";
import { day } from "./when";

const SHOWN = 8;

/** What was bought, order by order. */
export function OrdersTab({ orders }: { orders: Bought[] | undefined }) {
  if (!orders) return <Skeleton h={480} radius="lg" />;
  if (!orders.length) return <EmptyState title="No orders yet">The checkout is a demonstration: try it.</EmptyState>;
  return (
    <Stack>
      {orders.map((order, place) => (
        <Card key={`${place}/${order.time}`}>
          <Group justify="space-between" mb="sm">
            <Text fw={600}>{day(order.time)}</Text>
            <Text size="sm" c="var(--quiet)">
              {order.cards.length} {order.cards.length === 1 ? "product" : "products"}
              {order.live && " · today, in this shop"}
            </Text>
          </Group>
          <Group gap="sm">
            {order.cards.slice(0, SHOWN).map((card, at) => (
              <Picture key={`${at}/${card.item}`} item={pictured(card)} size={56} />
            ))}
            {order.cards.length > SHOWN && <Text size="sm">and {order.cards.length - SHOWN} more</Text>}
          </Group>
          <Text size="xs" c="var(--quiet)" mt="xs" lineClamp={2}>
            {order.cards.map((card) => card.title).join(" · ")}
          </Text>
        </Card>
      ))}
    </Stack>
  );
}
