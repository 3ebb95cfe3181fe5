import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";

import type { Card } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import classes from "../cart/Cart.module.css";
import { useLinks } from "../links";
import { pictured } from "../pictured";

interface Props {
  card: Card;
  /** What is said of it, and what stands at its end. */
  children?: ReactNode;
  end?: ReactNode;
}

/** A product as a line of a list. */
export function Item({ card, children, end }: Props) {
  const links = useLinks();
  return (
    <li className={classes.line}>
      <span className={classes.picture}>
        <Picture item={pictured(card)} size={72} />
      </span>
      <div className={classes.about}>
        <Text component={Link} href={links.product(card.item)} size="sm" fw={600} lineClamp={2} className={classes.title}>
          {card.title}
        </Text>
        {children}
      </div>
      {end}
    </li>
  );
}
