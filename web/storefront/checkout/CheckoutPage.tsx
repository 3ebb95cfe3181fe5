import { Alert, Button, Card, Group, Radio, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { IconInfoCircle } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import classes from "../cart/Cart.module.css";
import { Sum } from "../cart/Sum";
import { useCart } from "../cart/useCart";
import { useLinks } from "../links";
import { money } from "../price";

const DELIVERIES = [
  { value: "home", label: "To the door", about: "tomorrow between 9 and 12" },
  { value: "shop", label: "To be fetched", about: "ready in two hours" },
];
const PAYMENTS = [
  { value: "card", label: "Demo card", about: "ends in 0000, charges nothing" },
  { value: "bill", label: "Demo bill", about: "is never sent" },
];

/** The checkout, marked as what it is: what is bought is told to the engine, and nobody is charged. */
export default function CheckoutPage() {
  const cart = useCart();
  const links = useLinks();
  const [, navigate] = useLocation();
  useEffect(() => {
    document.title = "Check out · Endcap";
  }, []);
  const place = useMutation({
    mutationFn: async () => {
      const id = `o-${crypto.randomUUID().slice(0, 8)}`;
      const lines = cart.lines.map(({ item, quantity, card }) => ({ item, quantity, price: card?.price }));
      await cart.visit.tell(
        ...lines.map(({ item, quantity, price }) => ({
          event_type: "Purchase",
          event_id: `${id}/${item}`.slice(0, 256),
          item_id: item,
          order_id: id,
          quantity,
          ...(price != null && { price, value: Math.round(price * quantity * 100) / 100 }),
        })),
      );
      return { id, at: Date.now(), lines };
    },
    onSuccess: (order) => {
      cart.visit.ordered(order);
      navigate(links.order(order.id), { replace: true });
    },
  });
  if (!cart.lines.length && !place.isPending && !place.isSuccess) {
    return (
      <EmptyState
        title="There is nothing to check out"
        action={
          <Button component={Link} href={links.home} mt="sm">
            To the shelves
          </Button>
        }
      />
    );
  }
  return (
    <Stack gap="lg">
      <Title order={1}>Check out</Title>
      <Alert icon={<IconInfoCircle aria-hidden />} title="This is a demonstration" variant="light">
        Nothing is charged and nothing is sent. What you buy becomes purchase events of this shopper, and the shop's answers
        follow.
      </Alert>
      <div className={classes.page}>
        <Stack>
          <Choice title="Delivery" options={DELIVERIES} />
          <Choice title="Payment" options={PAYMENTS} />
        </Stack>
        <Card className={classes.summary}>
          <Stack gap="sm">
            {cart.lines.map(({ item, quantity, card }) => (
              <Group key={item} justify="space-between" wrap="nowrap" gap="sm">
                <Text size="sm" lineClamp={1}>
                  {quantity} × {card?.title ?? item}
                </Text>
                <Text size="sm">{card?.price != null && money(card.price * quantity, card.currency)}</Text>
              </Group>
            ))}
            <Sum cart={cart} />
            {place.error && <ErrorNote error={place.error} />}
            <Button size="md" onClick={() => place.mutate()} loading={place.isPending} disabled={cart.isLoading}>
              Place the demo order
            </Button>
          </Stack>
        </Card>
      </div>
    </Stack>
  );
}

function Choice({ title, options }: { title: string; options: { value: string; label: string; about: string }[] }) {
  const [value, setValue] = useState(options[0]?.value ?? "");
  return (
    <Card>
      <Radio.Group value={value} onChange={setValue} label={title} size="md">
        <Stack gap="sm" mt="sm">
          {options.map((option) => (
            <Radio key={option.value} value={option.value} label={option.label} description={option.about} />
          ))}
        </Stack>
      </Radio.Group>
    </Card>
  );
}
