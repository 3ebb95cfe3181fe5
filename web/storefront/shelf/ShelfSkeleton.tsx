import { Skeleton } from "@mantine/core";

import classes from "./ShelfRow.module.css";

/** A shelf that is on its way, in its final size. */
export function ShelfSkeleton() {
  return (
    <div className={classes.shelf} aria-hidden>
      <Skeleton h={24} w={180} mb={12} mt={2} />
      <div className={classes.row} inert>
        {Array.from({ length: 7 }, (_, place) => (
          <Skeleton key={place} h="var(--card)" radius="lg" />
        ))}
      </div>
    </div>
  );
}
