import { Button, Checkbox, Group, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlus, IconShoppingCartPlus } from "@tabler/icons-react";
import { Fragment, useId, useRef, useState } from "react";
import { Link } from "wouter";

import type { Card, Shelf } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import { useLinks } from "../links";
import { pictured } from "../pictured";
import { priceOf, total } from "../price";
import { useImpressions } from "../shelf/useImpressions";
import { useVisit } from "../visit";
import classes from "./Product.module.css";

interface Props {
  shelf: Shelf;
  card: Card;
  onSeen: (key: string) => void;
}

/** A product and what is often bought with it: into the cart together, or some of it. */
export function Bundle({ shelf, card, onSeen }: Props) {
  const links = useLinks();
  const visit = useVisit();
  const name = useId();
  const place = useRef<HTMLElement>(null);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const from = shelf.answered?.recommendationId;
  useImpressions(place, from, shelf.key, () => onSeen(shelf.key));
  const pieces = [card, ...(shelf.items ?? []).map((each) => each.card)];
  const chosen = pieces.filter((piece) => !left.has(piece.item) && !piece.soldOut);
  const sum = total(chosen.map((piece) => ({ card: piece, quantity: 1 })));
  const toggle = (item: string) =>
    setLeft((before) => {
      const after = new Set(before);
      if (!after.delete(item)) after.add(item);
      return after;
    });
  const add = async () => {
    await visit.add(chosen.map((piece) => ({ item: piece.item, price: piece.price })), from);
    notifications.show({ message: `${chosen.length} products are in your cart`, autoClose: 2500 });
  };
  return (
    <section ref={place} aria-labelledby={name} className={classes.bundle} data-shelf={shelf.key}>
      <Group justify="space-between" mb="md">
        <Title order={2} id={name}>
          {shelf.title}
        </Title>
        {shelf.answered && (
          <Text size="xs" c="var(--quiet)">
            {shelf.answered.recipe} · {shelf.answered.ms.toFixed(1)} ms
          </Text>
        )}
      </Group>
      <div className={classes.pieces}>
        {pieces.map((piece, at) => (
          <Fragment key={piece.item}>
            {at > 0 && <IconPlus size={20} aria-hidden className={classes.plus} />}
            <div className={classes.piece} {...(at > 0 && { "data-item": piece.item })}>
              <Link href={links.product(piece.item)} state={{ from }} className={classes.pieceLink}>
                <span className={classes.piecePicture}>
                  <Picture item={pictured(piece)} size={150} />
                </span>
                <Text size="sm" lineClamp={2} fw={500} mih="2.6em" lh={1.3}>
                  {at === 0 ? "This one" : piece.title}
                </Text>
              </Link>
              <Checkbox
                checked={!left.has(piece.item) && !piece.soldOut}
                disabled={piece.soldOut}
                onChange={() => toggle(piece.item)}
                label={priceOf(piece) || "Take it"}
                aria-label={`Take ${piece.title}`}
                size="sm"
              />
            </div>
          </Fragment>
        ))}
        <div className={classes.buy}>
          <Text size="sm" c="var(--quiet)">
            {chosen.length} together
          </Text>
          <Text fw={700} size="xl" mih="1.6em">
            {sum.text}
          </Text>
          <Button leftSection={<IconShoppingCartPlus size={18} />} onClick={() => void add()} disabled={!chosen.length}>
            Add bundle
          </Button>
        </div>
      </div>
    </section>
  );
}
