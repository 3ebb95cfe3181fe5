import { Button, Card, Group, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useEffect } from "react";
import { Link } from "wouter";

import { EmptyState } from "../../ui/EmptyState";
import { Picture } from "../../ui/Picture";
import type { PageProps } from "../App";
import classes from "../cart/Cart.module.css";
import { useCards } from "../front";
import { useLinks } from "../links";
import { pictured } from "../pictured";
import { money, total } from "../price";
import { Shelves } from "../shelf/Shelves";
import { useVisit } from "../visit";

/** What was ordered, and what the shop makes of it. */
export default function OrderPage({ parts }: PageProps) {
  const { order } = useVisit();
  const links = useLinks();
  const lines = order && order.id === parts[0] ? order.lines : [];
  const { data } = useCards(lines.map((line) => line.item));
  useEffect(() => {
    document.title = "Thank you · Endcap";
  }, []);
  if (!lines.length) {
    return (
      <EmptyState
        title="This order is not known here"
        action={
          <Button component={Link} href={links.account("orders")} mt="sm">
            Your orders
          </Button>
        }
      >
        The browser remembers the last one only; what was bought is in your account.
      </EmptyState>
    );
  }
  const shown = lines.map((line) => ({ ...line, card: data?.get(line.item) }));
  const sum = total(shown.flatMap(({ card, quantity }) => (card ? [{ card, quantity }] : [])));
  return (
    <Stack gap={36}>
      <Group gap="md" wrap="nowrap">
        <ThemeIcon size={52} radius="xl">
          <IconCheck size={30} aria-hidden />
        </ThemeIcon>
        <Stack gap={2}>
          <Title order={1}>Thank you</Title>
          <Text c="var(--quiet)">
            Order {parts[0]} is noted as {lines.length} purchase {lines.length === 1 ? "event" : "events"}. Nothing is
            charged: it is a demonstration.
          </Text>
        </Stack>
      </Group>
      <Card>
        <ul className={classes.lines}>
          {shown.map(({ item, quantity, card }) => (
            <li key={item} className={classes.line}>
              <span className={classes.picture}>{card && <Picture item={pictured(card)} size={72} />}</span>
              <Text className={classes.about} fw={600} size="sm">
                {card?.title ?? item}
              </Text>
              <Text size="sm" className={classes.cost}>
                {quantity} × {card?.price != null ? money(card.price, card.currency) : "no price"}
              </Text>
            </li>
          ))}
        </ul>
        <Group justify="space-between">
          <Text fw={600}>Total</Text>
          <Text fw={700} size="lg" mih="1.6em">
            {sum.text}
          </Text>
        </Group>
      </Card>
      <Shelves page="home" expected={3} />
    </Stack>
  );
}
