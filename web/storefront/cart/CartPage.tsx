import { Button, Card, Stack, Text, Title } from "@mantine/core";
import { useEffect } from "react";
import { Link } from "wouter";

import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { useLinks } from "../links";
import { counted } from "../named";
import { Shelves } from "../shelf/Shelves";
import classes from "./Cart.module.css";
import { CartLines } from "./CartLines";
import { Sum } from "./Sum";
import { useCart } from "./useCart";

/** The cart, and what goes with what is in it. */
export default function CartPage() {
  const cart = useCart();
  const links = useLinks();
  useEffect(() => {
    document.title = "Cart · Endcap";
  }, []);
  const items = cart.visit.cart.map((line) => line.item);
  return (
    <Stack gap={36}>
      <Title order={1}>Your cart</Title>
      {!cart.lines.length ? (
        <EmptyState
          title="Nothing in it yet"
          action={
            <Button component={Link} href={links.home} mt="sm">
              To the shelves
            </Button>
          }
        >
          What you put in tells the shop more than a look does.
        </EmptyState>
      ) : (
        <div className={classes.page}>
          <Card>
            {cart.error && <ErrorNote error={cart.error} />}
            <CartLines cart={cart} />
          </Card>
          <Card className={classes.summary}>
            <Stack>
              <Text fw={600}>Summary</Text>
              <Text size="sm" c="var(--quiet)">
                {counted(cart.visit.count, "product")}
              </Text>
              <Sum cart={cart} />
              <Button component={Link} href={links.checkout} size="md">
                Check out
              </Button>
              <Text size="xs" c="var(--quiet)">
                A demonstration: nothing is charged, nothing is sent.
              </Text>
            </Stack>
          </Card>
        </div>
      )}
      <Shelves page="cart" cart={items} expected={items.length ? 2 : 1} />
    </Stack>
  );
}
