import { Badge, Button, Card, Grid, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { api, unwrap } from "../../api/client";
import type { AlertLine, HomeShown } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { ago, COLOURS, progressOf, whatOf } from "../runs/words";
import { screen, useShop } from "../where";
import classes from "./Home.module.css";
import { Setup } from "./Setup";
import { Tiles } from "./Tiles";

function useHome(shop: string) {
  return useQuery({
    queryKey: ["home", shop],
    queryFn: () => unwrap(api.GET("/console/api/home", { params: { query: { shop } } })),
    refetchInterval: (found) => (found.state.data?.counting ? 1500 : 10_000),
  });
}

/** A shop at a glance: what to do next, how it goes, what needs looking at. */
export default function Home() {
  const shop = useShop();
  const asked = useHome(shop);
  const found = asked.data;
  return (
    <Stack gap="lg" maw={1280} mx="auto">
      <div>
        <Title order={1}>Home</Title>
        <Text c="var(--quiet)" size="sm">
          {found?.ready ? "Everything is set up. This is how it goes." : "From data to a shop that learns: what is done, and what comes next."}
        </Text>
      </div>
      {asked.error && <ErrorNote error={asked.error} retry={() => void asked.refetch()} />}
      {found?.ready && <Tiles found={found} />}
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Setup found={found} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Stack gap="lg">
            <Alerts found={found} />
            <LastRuns found={found} shop={shop} />
          </Stack>
        </Grid.Col>
      </Grid>
      {found && !found.ready && found.tiles.length > 0 && <Tiles found={found} />}
      <SameIn
        same={{
          cli: `endcap status\nendcap jobs${shop ? ` --shop ${shop}` : ""}`,
          python: [
            "from endcap.jobs.status import status",
            "from endcap.jobs.workspace import open_workspace",
            "from endcap.settings import load_settings",
            "",
            "print(status(open_workspace(load_settings())))",
          ].join("\n"),
          api: `curl -s "$ENDCAP_URL/console/api/home?shop=${encodeURIComponent(shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"\ncurl -s "$ENDCAP_URL/metrics"`,
        }}
      />
    </Stack>
  );
}

function Alerts({ found }: { found: HomeShown | undefined }) {
  return (
    <Card component="section" aria-labelledby="alerts">
      <Title order={2} size="h3" id="alerts" mb="xs">
        Needs looking at
      </Title>
      {!found && <Skeleton h={120} />}
      {found?.alerts.length === 0 && (
        <Text size="sm" c="var(--quiet)">
          {found.counting ? "Being looked at …" : "Nothing."}
        </Text>
      )}
      {found?.alerts.map((alert) => (
        <One key={alert.title} alert={alert} shop={found.shop} />
      ))}
    </Card>
  );
}

function One({ alert, shop }: { alert: AlertLine; shop: string }) {
  const Icon = alert.severity === "problem" ? IconAlertTriangle : IconInfoCircle;
  return (
    <div className={classes.alert} data-severity={alert.severity}>
      <Icon size={18} aria-label={alert.severity} />
      <div>
        <Text size="sm" fw={550}>
          {alert.title}
        </Text>
        <Text size="xs" c="var(--quiet)">
          {alert.fix}
        </Text>
      </div>
      {alert.screen && (
        <Button component={Link} href={screen(alert.screen, shop)} size="compact-xs" variant="default" aria-label={`Look: ${alert.title}`}>
          Look
        </Button>
      )}
    </div>
  );
}

function LastRuns({ found, shop }: { found: HomeShown | undefined; shop: string }) {
  return (
    <Card component="section" aria-labelledby="runs">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h3" id="runs">
          Last runs
        </Title>
        <Button component={Link} href={screen("runs", shop)} size="compact-xs" variant="subtle">
          All runs
        </Button>
      </Group>
      {!found && <Skeleton h={180} />}
      {found?.runs.length === 0 && (
        <Text size="sm" c="var(--quiet)">
          None yet: imports and trainings that are asked for here appear as runs.
        </Text>
      )}
      {found?.runs.map((run) => (
        <Link key={run.id} className={classes.run} href={`${screen("runs", shop)}&run=${run.id}`}>
          <div style={{ minWidth: 0 }}>
            <Text size="sm" truncate>
              {whatOf(run)} · {run.resource}
            </Text>
            <Text size="xs" c="var(--quiet)" truncate>
              {progressOf(run, found.now) || ago(run.created, found.now)}
            </Text>
          </div>
          <Badge variant="light" color={COLOURS[run.status]} style={{ flexShrink: 0 }}>
            {run.status}
          </Badge>
        </Link>
      ))}
    </Card>
  );
}
