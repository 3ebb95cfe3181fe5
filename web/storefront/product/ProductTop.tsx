import { Badge, Button, Group, NumberInput, Rating, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconMoodSad, IconShoppingCartPlus } from "@tabler/icons-react";
import { useState } from "react";

import type { Product } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import { pictured } from "../pictured";
import { priceOf } from "../price";
import { useVisit } from "../visit";
import classes from "./Product.module.css";

const LISTED = 8;
/** Columns that the page shows otherwise. */
const SHOWN = new Set([
  ...["name", "title", "price", "stock", "brand", "average_rating", "review_count"],
  ...["category_l1", "category_l2", "category_l3", "positive_review_count", "negative_review_count"],
]);

/** What the product is, what it costs, and the way into the cart. */
export function ProductTop({ product, from }: { product: Product | undefined; from: string }) {
  const visit = useVisit();
  const [quantity, setQuantity] = useState<number>(1);
  const [isRefused, setRefused] = useState(false);
  if (!product) return <Skeleton className={classes.waiting} radius="lg" />;
  const { card, description, attributes } = product;
  const add = async () => {
    await visit.add([{ item: card.item, quantity, price: card.price }], from || undefined);
    notifications.show({ message: `In your cart: ${card.title}`, autoClose: 2500 });
  };
  const refuse = async () => {
    await visit.tell({ event_type: isRefused ? "Like" : "NotInterested", item_id: card.item });
    setRefused(!isRefused);
  };
  const told = Object.entries(attributes).filter(([name]) => !SHOWN.has(name));
  return (
    <div className={classes.top}>
      <div className={classes.picture}>
        <Picture item={pictured(card)} />
      </div>
      <Stack gap="md" className={classes.facts}>
        <Stack gap={6}>
          {card.brand && !card.title.includes(card.brand) && (
            <Text size="sm" c="var(--quiet)" fw={600}>
              {card.brand}
            </Text>
          )}
          <Title order={1} className={classes.title}>
            {card.title}
          </Title>
          {card.rating != null && (
            <Group gap={8}>
              <Rating value={card.rating} fractions={4} readOnly role="img" aria-label={`${card.rating.toFixed(1)} of 5 stars`} />
              <Text size="sm" c="var(--quiet)">
                {card.rating.toFixed(1)}
                {card.reviews != null && ` · ${card.reviews.toLocaleString("en-GB")} reviews`}
              </Text>
            </Group>
          )}
        </Stack>
        <Group gap="md" align="baseline">
          <Text className={classes.price}>{priceOf(card) || "Price unknown"}</Text>
          {card.paid && (
            <Text size="xs" c="var(--quiet)">
              the median of what was paid
            </Text>
          )}
          {card.soldOut ? (
            <Badge color="gray" size="lg">
              Sold out
            </Badge>
          ) : (
            card.stock != null && (
              <Badge variant="light" size="lg" tt="none">
                {card.stock > 20 ? "In stock" : `Only ${card.stock} left`}
              </Badge>
            )
          )}
        </Group>
        <Group gap="sm">
          <NumberInput
            value={quantity}
            onChange={(value) => setQuantity(Math.max(1, Math.min(99, Number(value) || 1)))}
            min={1}
            max={99}
            w={88}
            size="md"
            aria-label="Quantity"
          />
          <Button size="md" leftSection={<IconShoppingCartPlus size={20} />} onClick={() => void add()} disabled={card.soldOut}>
            Add to cart
          </Button>
          <Button
            size="md"
            variant="subtle"
            color="gray"
            leftSection={<IconMoodSad size={18} />}
            onClick={() => void refuse()}
            aria-pressed={isRefused}
          >
            {isRefused ? "Take it back" : "Not interested"}
          </Button>
        </Group>
        {description && <Text className={classes.description}>{description}</Text>}
        {!!told.length && (
          <Table withRowBorders layout="fixed" className={classes.table}>
            <Table.Tbody>
              {told.slice(0, LISTED).map(([name, value]) => (
                <Table.Tr key={name}>
                  <Table.Th scope="row" w={150}>
                    {name.replaceAll("_", " ")}
                  </Table.Th>
                  <Table.Td>{value.replaceAll("|", ", ")}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Stack>
    </div>
  );
}
