import { ActionIcon, Group, NumberInput, Skeleton, Text } from "@mantine/core";
import { IconMinus, IconPlus, IconTrash } from "@tabler/icons-react";
import { Link } from "wouter";

import { Picture } from "../../ui/Picture";
import { useLinks } from "../links";
import { pictured } from "../pictured";
import { money, priceOf } from "../price";
import classes from "./Cart.module.css";
import type { ShownCart, ShownLine } from "./useCart";

const MOST = 99;

/** What lies in the cart: quantities can be changed, and totals follow. */
export function CartLines({ cart }: { cart: ShownCart }) {
  return (
    <ul className={classes.lines}>
      {cart.lines.map((line) => (
        <li key={line.item} className={classes.line}>
          <Line line={line} set={(quantity) => void cart.visit.set(line.item, quantity, line.card?.price)} />
        </li>
      ))}
    </ul>
  );
}

function Line({ line, set }: { line: ShownLine; set: (quantity: number) => void }) {
  const links = useLinks();
  const { card, quantity, item } = line;
  const title = card?.title ?? item;
  return (
    <>
      <span className={classes.picture}>{card ? <Picture item={pictured(card)} size={72} /> : <Skeleton h={72} w={72} />}</span>
      <div className={classes.about}>
        <Text component={Link} href={links.product(item)} size="sm" fw={600} lineClamp={2} className={classes.title}>
          {title}
        </Text>
        <Group gap={4} wrap="nowrap" mt={6}>
          <ActionIcon variant="default" aria-label={`One less of ${title}`} onClick={() => set(quantity - 1)}>
            <IconMinus size={14} />
          </ActionIcon>
          <NumberInput
            value={quantity}
            onChange={(value) => Number(value) >= 1 && set(Math.min(MOST, Math.trunc(Number(value))))}
            min={1}
            max={MOST}
            hideControls
            size="xs"
            w={48}
            aria-label={`Quantity of ${title}`}
            classNames={{ input: classes.quantity }}
          />
          <ActionIcon
            variant="default"
            aria-label={`One more of ${title}`}
            onClick={() => set(Math.min(MOST, quantity + 1))}
          >
            <IconPlus size={14} />
          </ActionIcon>
          <ActionIcon color="gray" ml={4} aria-label={`Take ${title} out`} onClick={() => set(0)}>
            <IconTrash size={16} />
          </ActionIcon>
        </Group>
      </div>
      <div className={classes.cost}>
        <Text fw={650} size="sm">
          {card?.price != null ? money(card.price * quantity, card.currency) : card ? "no price" : ""}
        </Text>
        {card?.price != null && quantity > 1 && (
          <Text size="xs" c="var(--quiet)">
            {priceOf(card)} each
          </Text>
        )}
      </div>
    </>
  );
}
