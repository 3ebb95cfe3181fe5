import { Skeleton, Stack } from "@mantine/core";

import type { Product } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { ShelfRow } from "../shelf/ShelfRow";
import { ShelfSkeleton } from "../shelf/ShelfSkeleton";
import { useShelves } from "../shelf/useShelves";
import { Bundle } from "./Bundle";

/** What goes with a product, what is like it, and what was looked at before. */
export function ProductShelves({ product, item }: { product: Product | undefined; item: string }) {
  const { shelves, error, retry, seen } = useShelves({ page: "product", item });
  if (error && !shelves) return <ErrorNote error={error} retry={retry} />;
  if (!shelves || !product) {
    return (
      <Stack gap={32}>
        <Skeleton h={270} radius="lg" />
        <ShelfSkeleton />
      </Stack>
    );
  }
  return (
    <Stack gap={32}>
      {shelves.map((shelf) =>
        shelf.key === "bought-together" && !shelf.missing ? (
          <Bundle key={shelf.key} shelf={shelf} card={product.card} onSeen={seen} />
        ) : (
          <ShelfRow key={shelf.key} shelf={shelf} onSeen={seen} />
        ),
      )}
    </Stack>
  );
}
