import { Button, Center, Skeleton, Text } from "@mantine/core";
import { useRef } from "react";

import type { Placed } from "../../api/schema";
import { ProductCard } from "../shelf/ProductCard";
import { useImpressions } from "../shelf/useImpressions";
import classes from "./ProductList.module.css";

interface Props {
  items: Placed[] | undefined;
  total: number;
  /** The recommendation that decided the order. */
  from?: string;
  name: string;
  hasMore: boolean;
  isLoadingMore: boolean;
  onMore: () => void;
}

/** Products in a grid, a page at a time. */
export function ProductList({ items, total, from, name, hasMore, isLoadingMore, onMore }: Props) {
  const grid = useRef<HTMLDivElement>(null);
  // Looked for anew whenever more have come.
  useImpressions(grid, from, `${name}/${items?.length ?? 0}`);
  // What is said of every one of them says nothing of any.
  const isTelling = items?.some((each) => each.reason !== items[0]?.reason);
  return (
    <>
      <div ref={grid} className={classes.grid}>
        {!items && Array.from({ length: 12 }, (_, place) => <Skeleton key={place} h="var(--card)" radius="lg" />)}
        {items?.map((each, place) => (
          <ProductCard
            key={each.card.item}
            card={each.card}
            reason={isTelling ? each.reason : ""}
            from={from}
            climbed={each.was == null ? undefined : each.was - place - 1}
          />
        ))}
      </div>
      {items && (
        <Center mt="xl" style={{ gap: 16 }}>
          <Text size="sm" c="var(--quiet)">
            {items.length.toLocaleString("en-GB")} of {total.toLocaleString("en-GB")}
          </Text>
          {hasMore && (
            <Button variant="default" onClick={onMore} loading={isLoadingMore}>
              Show more
            </Button>
          )}
        </Center>
      )}
    </>
  );
}
