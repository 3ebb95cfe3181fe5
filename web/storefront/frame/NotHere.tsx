import { Button } from "@mantine/core";
import { Link } from "wouter";

import { EmptyState } from "../../ui/EmptyState";
import { useLinks } from "../links";

/** An address that no page has. */
export default function NotHere() {
  const links = useLinks();
  return (
    <EmptyState
      title="There is no such page"
      action={
        <Button component={Link} href={links.home} mt="sm">
          To the shop
        </Button>
      }
    >
      The address may be mistyped, or the product is gone.
    </EmptyState>
  );
}
