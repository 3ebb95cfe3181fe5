import { Button, Stack, Transition } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";

import { ErrorNote } from "../../ui/ErrorNote";
import { ShelfRow } from "./ShelfRow";
import { ShelfSkeleton } from "./ShelfSkeleton";
import classes from "./Shelves.module.css";
import { useShelves } from "./useShelves";

interface Props {
  page: "home" | "product" | "cart";
  item?: string;
  cart?: string[];
  /** How many there will be, so that their places are kept. */
  expected: number;
  /** Shelves (by key) that the page shows otherwise. */
  besides?: string[];
}

/** The shelves of a page. None changes while it is looked at: a button says when there is news. */
export function Shelves({ page, item, cart, expected, besides = [] }: Props) {
  const { shelves, error, retry, seen, hasNews, refresh } = useShelves({ page, item, cart });
  if (error && !shelves) return <ErrorNote error={error} retry={retry} />;
  const shown = shelves?.filter((shelf) => !besides.includes(shelf.key));
  return (
    <Stack gap="xl">
      {shown
        ? shown.map((shelf) => <ShelfRow key={shelf.key} shelf={shelf} onSeen={seen} />)
        : Array.from({ length: expected }, (_, place) => <ShelfSkeleton key={place} />)}
      <Transition mounted={hasNews} transition="slide-up">
        {(style) => (
          <div className={classes.news} style={style} role="status">
            <Button radius="xl" leftSection={<IconRefresh size={16} />} onClick={refresh}>
              Your clicks changed these shelves
            </Button>
          </div>
        )}
      </Transition>
    </Stack>
  );
}
