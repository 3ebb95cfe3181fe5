import { Button, Drawer, Group, ScrollArea, Stack, Text } from "@mantine/core";
import { useEffect } from "react";
import { Link, useLocation } from "wouter";

import { ErrorNote } from "../../ui/ErrorNote";
import { useLinks } from "../links";
import { CartLines } from "./CartLines";
import { Sum } from "./Sum";
import { useCart } from "./useCart";

/** The cart beside the page. */
export function CartDrawer({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const [path] = useLocation();
  // Whoever goes elsewhere has left the drawer, too.
  useEffect(() => {
    onClose();
  }, [path, onClose]);
  return (
    <Drawer
      opened={isOpen}
      onClose={onClose}
      position="right"
      size={420}
      title="Your cart"
      scrollAreaComponent={ScrollArea.Autosize}
      closeButtonProps={{ "aria-label": "Close the cart" }}
    >
      <Inside onClose={onClose} />
    </Drawer>
  );
}

function Inside({ onClose }: { onClose: () => void }) {
  const cart = useCart();
  const links = useLinks();
  if (!cart.lines.length) {
    return (
      <Stack align="center" py="xl" gap="sm">
        <Text fw={600}>Nothing in it yet</Text>
        <Text size="sm" c="var(--quiet)" ta="center">
          The plus on each product puts it here.
        </Text>
        <Button variant="light" onClick={onClose}>
          Go on looking
        </Button>
      </Stack>
    );
  }
  return (
    <Stack>
      {cart.error && <ErrorNote error={cart.error} />}
      <CartLines cart={cart} />
      <Sum cart={cart} />
      <Group grow>
        <Button component={Link} href={links.cart} variant="default">
          See the cart
        </Button>
        <Button component={Link} href={links.checkout}>
          Check out
        </Button>
      </Group>
    </Stack>
  );
}
