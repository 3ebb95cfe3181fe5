import { ActionIcon, Group, Text, Title } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useId, useRef } from "react";

import type { Shelf } from "../../api/schema";
import { MissingShelf } from "./MissingShelf";
import { ProductCard } from "./ProductCard";
import classes from "./ShelfRow.module.css";
import { useImpressions } from "./useImpressions";

/** Shelves whose title does not say already why each product is there. */
const SPEAKING = new Set(["for-you", "goes-with"]);

interface Props {
  shelf: Shelf;
  onSeen?: (key: string) => void;
}

/** One shelf: its products in a row that scrolls sideways. It says who filled it, and how quickly. */
export function ShelfRow({ shelf, onSeen }: Props) {
  const row = useRef<HTMLDivElement>(null);
  const name = useId();
  const { answered, items = [], missing } = shelf;
  useImpressions(row, answered?.recommendationId, shelf.key, () => onSeen?.(shelf.key));
  const move = (way: 1 | -1) => row.current?.scrollBy({ left: way * row.current.clientWidth * 0.85, behavior: "smooth" });
  return (
    <section aria-labelledby={name} className={classes.shelf} data-shelf={shelf.key}>
      <Group justify="space-between" wrap="nowrap" mb={8} align="flex-end">
        <Title order={2} id={name} lineClamp={1} className={classes.title}>
          {shelf.title}
        </Title>
        <Group gap={4} wrap="nowrap">
          {answered && (
            <Text size="xs" c="var(--quiet)" visibleFrom="sm" className={classes.meta}>
              {answered.recipe} · {answered.ms.toFixed(answered.ms < 10 ? 1 : 0)} ms
            </Text>
          )}
          <ActionIcon color="gray" visibleFrom="sm" onClick={() => move(-1)} aria-label={`${shelf.title}: back`}>
            <IconChevronLeft size={18} />
          </ActionIcon>
          <ActionIcon color="gray" visibleFrom="sm" onClick={() => move(1)} aria-label={`${shelf.title}: on`}>
            <IconChevronRight size={18} />
          </ActionIcon>
        </Group>
      </Group>
      {missing ? (
        <MissingShelf missing={missing} />
      ) : (
        <div ref={row} className={classes.row}>
          {items.map((each) => (
            <div key={each.card.item} className={classes.place}>
              <ProductCard card={each.card} reason={SPEAKING.has(shelf.key) ? each.reason : ""} from={answered?.recommendationId} />
            </div>
          ))}
        </div>
      )}
    </section>
  );
}
