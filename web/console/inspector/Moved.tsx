import { Badge, VisuallyHidden } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";

/** How far an item moved: from `before` (null: it was not there) to `after`. */
export function Moved({ before, after }: { before: number | null; after: number }) {
  if (before === after) return null;
  if (before === null) {
    return (
      <Badge size="sm" variant="light" color="pine">
        new
      </Badge>
    );
  }
  const up = after < before;
  const Icon = up ? IconArrowUp : IconArrowDown;
  const said = `${up ? "up" : "down"} from ${before}`;
  return (
    <Badge size="sm" variant="light" color={up ? "pine" : "orange"} leftSection={<Icon size={11} aria-hidden />} title={said}>
      {Math.abs(before - after)}
      <VisuallyHidden> {said}</VisuallyHidden>
    </Badge>
  );
}
