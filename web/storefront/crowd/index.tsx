import { Button, Card, Group, Text, Title } from "@mantine/core";
import { IconUsersGroup } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

const CrowdBoard = lazy(() => import("./CrowdBoard"));

/** Simulated shoppers, switched on and watched; its board is loaded when it is first opened. */
export function Crowd() {
  const [isOpen, setOpen] = useState(() => new URLSearchParams(window.location.search).has("crowd"));
  return (
    <Card bg="var(--surface)" component="section" aria-labelledby="crowd-title" data-crowd>
      <Group justify="space-between" gap="md">
        <div style={{ flex: "1 1 320px" }}>
          <Title order={2} size="h3" id="crowd-title">
            A simulated crowd
          </Title>
          <Text size="sm" c="var(--quiet)">
            Shoppers with tastes of their own look, click and buy over HTTP, against this very server. What they want is
            made up, so their numbers prove nothing; that the engine keeps up with them is real.
          </Text>
        </div>
        {!isOpen && (
          <Button variant="default" leftSection={<IconUsersGroup size={18} aria-hidden />} onClick={() => setOpen(true)}>
            Open the board
          </Button>
        )}
      </Group>
      {isOpen && (
        <Suspense fallback={<div style={{ minHeight: 320 }} />}>
          <CrowdBoard />
        </Suspense>
      )}
    </Card>
  );
}
