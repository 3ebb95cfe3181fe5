import { Skeleton, Text, Title } from "@mantine/core";
import { Link } from "wouter";

import { Picture } from "../../ui/Picture";
import { useFront } from "../front";
import { useLinks } from "../links";
import { named } from "../named";
import { pictured } from "../pictured";
import classes from "./Home.module.css";

const MOST = 12;

/** The largest aisles, each with its best sellers. */
export function Aisles() {
  const { data } = useFront();
  const links = useLinks();
  if (data && !data.aisles.length) return null;
  return (
    <section aria-labelledby="aisles">
      <Title order={2} id="aisles" mb="sm">
        All aisles
      </Title>
      <div className={classes.aisles}>
        {!data && Array.from({ length: 8 }, (_, place) => <Skeleton key={place} h={132} radius="lg" />)}
        {data?.aisles.slice(0, MOST).map((aisle) => (
          <Link key={aisle.name} href={links.category(aisle.name)} className={classes.aisle}>
            <span className={classes.samples} aria-hidden>
              {(aisle.sample ?? []).slice(0, 3).map((card) => (
                <Picture key={card.item} item={pictured(card)} size={56} />
              ))}
            </span>
            <Text fw={600} truncate component="span" display="block">
              {named(aisle.name)}
            </Text>
            <Text size="xs" c="var(--quiet)" component="span">
              {aisle.items.toLocaleString("en-GB")} products
            </Text>
          </Link>
        ))}
      </div>
    </section>
  );
}
