import { Group, Text } from "@mantine/core";

import type { ShownCart } from "./useCart";

/** What the cart costs together. */
export function Sum({ cart }: { cart: ShownCart }) {
  const { sum } = cart;
  return (
    <>
      <Group justify="space-between" mih={32}>
        <Text fw={600}>Total</Text>
        <Text fw={700} size="xl" aria-live="polite" data-total>
          {sum.text || (cart.isLoading ? "…" : "no prices known")}
        </Text>
      </Group>
      {!sum.isWhole && !!sum.text && (
        <Text size="xs" c="var(--quiet)">
          Some products have no price: they are not counted.
        </Text>
      )}
    </>
  );
}
