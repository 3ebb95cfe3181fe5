import { Button, Card, Group, Text, Title } from "@mantine/core";
import { IconUpload } from "@tabler/icons-react";
import { Link } from "wouter";

/** The way to a shop of one's own. */
export default function OwnShop() {
  return (
    <Card bg="var(--surface)" component="section" aria-labelledby="own-shop">
      <Group justify="space-between">
        <div style={{ flex: "1 1 320px" }}>
          <Title order={2} size="h3" id="own-shop">
            Your own products
          </Title>
          <Text size="sm" c="var(--quiet)">
            A Google Merchant feed, Shopify’s products.json or a CSV becomes a shop in minutes, before any traffic.
          </Text>
        </div>
        <Button component={Link} href="/shop/new" leftSection={<IconUpload size={18} aria-hidden />}>
          Open your shop
        </Button>
      </Group>
    </Card>
  );
}
