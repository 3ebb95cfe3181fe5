import { Anchor, Text } from "@mantine/core";
import { Link } from "wouter";

import classes from "./Frame.module.css";

/** What this shop is, and where else to look. */
export function Footer() {
  return (
    <footer className={classes.footer}>
      <Text size="sm">
        A demonstration: every shelf is answered by the engine on this machine, and nothing is sold, charged or sent.
      </Text>
      <nav aria-label="Elsewhere" className={classes.elsewhere}>
        <Anchor component={Link} href="/shop?all=1" size="sm">
          Other shops
        </Anchor>
        <Anchor href="/console" size="sm">
          Console
        </Anchor>
      </nav>
    </footer>
  );
}
