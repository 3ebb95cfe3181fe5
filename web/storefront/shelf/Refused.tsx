import { Button, Text } from "@mantine/core";

import classes from "./ProductCard.module.css";

/** What lies over a product that the shopper does not want. */
export function Refused({ title, onUndo }: { title: string; onUndo: () => void }) {
  return (
    <div className={classes.refused} role="status">
      <Text size="sm" fw={600}>
        Not for you
      </Text>
      <Text size="xs" c="var(--quiet)">
        It sinks in every answer, and so does what is most like it.
      </Text>
      <Button size="compact-xs" variant="light" onClick={onUndo} aria-label={`Take back: ${title}`}>
        Take it back
      </Button>
    </div>
  );
}
