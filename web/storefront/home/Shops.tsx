import { Button, Card, Container, SimpleGrid, Skeleton, Stack, Text, Title } from "@mantine/core";
import { lazy, Suspense } from "react";
import { Link, Redirect } from "wouter";

import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { useShops } from "../front";
import { linksOf } from "../links";
import { useQueryValue } from "../place";
import classes from "./Home.module.css";

const OwnShop = lazy(() => import("../own-shop"));

/** The shops of this server; one alone is opened at once, unless `?all`. */
export function Shops() {
  const { data, error, refetch } = useShops();
  const [all] = useQueryValue("all");
  const shops = data?.shops ?? [];
  const open = shops.filter((shop) => shop.campaigns.length);
  if (open.length === 1 && open[0] && !all) return <Redirect to={linksOf(open[0].name, "").home} replace />;
  return (
    <Container component="main" size="lg" py={48}>
      <Stack gap="xl">
        <Stack gap={4}>
          <Title order={1}>Which shop?</Title>
          <Text c="var(--quiet)">Each is answered by the engine on this machine. Nothing leaves it.</Text>
        </Stack>
        {error && <ErrorNote error={error} retry={() => void refetch()} />}
        <SimpleGrid cols={{ base: 1, sm: 2, md: 3 }}>
          {!data && !error && [0, 1, 2].map((place) => <Skeleton key={place} h={150} radius="lg" />)}
          {shops.map((shop) => (
            <Card key={shop.name} component={Link} href={linksOf(shop.name, "").home} className={classes.shop} mih={150}>
              <Text fw={650} size="lg" component="h2" className={classes.shopTitle}>
                {shop.title}
              </Text>
              <Text size="sm" c="var(--quiet)">
                {shop.items.toLocaleString("en-GB")} products · {shop.users.toLocaleString("en-GB")} shoppers
              </Text>
              <Text size="sm" mt="auto">
                {shop.campaigns.length ? `${shop.campaigns.length} campaigns` : "nothing published yet"}
              </Text>
            </Card>
          ))}
        </SimpleGrid>
        {data && !shops.length && (
          <EmptyState title="There is no shop yet" command="make demo">
            The demo imports a real grocer, trains on it and opens it here.
          </EmptyState>
        )}
        <Suspense fallback={<Button loading variant="default" w="fit-content" />}>
          <OwnShop />
        </Suspense>
      </Stack>
    </Container>
  );
}
