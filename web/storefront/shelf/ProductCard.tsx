import { ActionIcon, Badge, Group, Menu, Text, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDots, IconHelp, IconMoodSad, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";

import type { Card } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import { useLinks } from "../links";
import { named } from "../named";
import { pictured } from "../pictured";
import { priceOf } from "../price";
import { openStage } from "../stage/opened";
import { useVisit } from "../visit";
import classes from "./ProductCard.module.css";
import { Refused } from "./Refused";

interface Props {
  card: Card;
  reason?: string;
  /** The recommendation that it is part of, so that what follows counts for it. */
  from?: string;
  /** How many places higher it stands than in everybody's order. */
  climbed?: number;
}

/** What else is to be said in a word: the brand, else the narrowest category, that the title does not say already. */
function aside({ title, brand, categories = [] }: Card): string {
  const told = title.toLowerCase();
  const fresh = [brand ?? "", ...categories.toReversed()].find((word) => word && !told.includes(word.toLowerCase()));
  return named(fresh ?? "");
}

/** A product on a shelf or in a list. */
export function ProductCard({ card, reason, from, climbed }: Props) {
  const links = useLinks();
  const visit = useVisit();
  const [isRefused, setRefused] = useState(false);
  const about = { item_id: card.item, ...(from && { recommendation_id: from }) };
  const refuse = () => {
    setRefused(true);
    visit.tell({ event_type: "NotInterested", ...about }).catch(() => setRefused(false));
  };
  const restore = () => {
    setRefused(false);
    visit.tell({ event_type: "Like", item_id: card.item }).catch(() => setRefused(true));
  };
  const add = async () => {
    await visit.add([{ item: card.item, price: card.price }], from);
    notifications.show({ message: `In your cart: ${card.title}`, autoClose: 2500 });
  };
  return (
    <article className={classes.card} data-item={card.item} data-refused={isRefused || undefined}>
      <Link href={links.product(card.item)} state={{ from }} className={classes.link} tabIndex={isRefused ? -1 : 0}>
        <span className={classes.picture}>
          <Picture item={pictured(card)} />
          {card.soldOut && (
            <Badge color="gray" variant="filled" className={classes.badge}>
              Sold out
            </Badge>
          )}
          {!!climbed && climbed > 0 && (
            <Badge color="pine" variant="light" className={classes.badge}>
              ▲ {climbed}
            </Badge>
          )}
        </span>
        <Text component="h3" size="sm" fw={600} lineClamp={2} className={classes.title}>
          {card.title}
        </Text>
      </Link>
      <Text size="xs" c="var(--quiet)" lineClamp={1} className={classes.reason} title={reason}>
        {reason || aside(card) || "\u00a0"}
      </Text>
      <Group justify="space-between" wrap="nowrap" gap={4} mt="auto">
        <Text size="sm" fw={650} className={classes.price}>
          {priceOf(card)}
        </Text>
        <Group gap={2} wrap="nowrap">
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <ActionIcon color="gray" aria-label={`More about ${card.title}`}>
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {from && (
                <Menu.Item leftSection={<IconHelp size={16} />} onClick={() => openStage("why")}>
                  Why am I seeing this?
                </Menu.Item>
              )}
              <Menu.Item leftSection={<IconMoodSad size={16} />} onClick={refuse}>
                Not interested
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <Tooltip label={card.soldOut ? "Sold out" : "Add to cart"}>
            <ActionIcon
              variant="light"
              radius="xl"
              aria-label={`Add ${card.title} to the cart`}
              disabled={card.soldOut}
              onClick={() => void add()}
            >
              <IconPlus size={16} />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Group>
      {isRefused && <Refused title={card.title} onUndo={restore} />}
    </article>
  );
}
