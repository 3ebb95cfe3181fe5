import { Button, Skeleton, Text } from "@mantine/core";

import type { Card } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import classes from "../cart/Cart.module.css";
import { useVisit } from "../visit";
import { Item } from "./Item";

/** What the shopper does not want to see, with a way to take that back. */
export function Unwanted({ cards }: { cards: Card[] | undefined }) {
  const visit = useVisit();
  if (!cards) return <Skeleton h={320} radius="lg" />;
  if (!cards.length) {
    return (
      <EmptyState title="Nothing refused so far">
        “Not interested” is in the menu of each product. What you refuse sinks in every answer, and so does what is most like it.
      </EmptyState>
    );
  }
  return (
    <ul className={classes.lines}>
      {cards.map((card) => (
        <Item
          key={card.item}
          card={card}
          end={
            <Button
              size="xs"
              variant="light"
              onClick={() => void visit.tell({ event_type: "Like", item_id: card.item })}
              aria-label={`Take back: ${card.title}`}
            >
              Take it back
            </Button>
          }
        >
          <Text size="xs" c="var(--quiet)">
            Sinks in every answer to you
          </Text>
        </Item>
      ))}
    </ul>
  );
}
