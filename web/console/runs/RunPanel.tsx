import { Alert, Badge, Button, Drawer, Group, Progress, Skeleton, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconPlayerStop, IconRefresh } from "@tabler/icons-react";

import type { RunShown } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { useRun, useRunAction } from "./queries";
import classes from "./Runs.module.css";
import { COLOURS, progressOf, shareOf, whatOf } from "./words";

/** One run in full, beside the list. */
export function RunPanel({ id, onClose, onOpen }: { id: string; onClose: () => void; onOpen: (id: string) => void }) {
  const found = useRun(id);
  return (
    <Drawer
      opened={Boolean(id)}
      onClose={onClose}
      position="right"
      size="lg"
      title={found.data ? whatOf(found.data.run) : "Run"}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {found.error && <ErrorNote error={found.error} />}
      {!found.data && !found.error && <Skeleton h={320} />}
      {found.data && <Shown found={found.data} onOpen={onOpen} />}
    </Drawer>
  );
}

function Shown({ found, onOpen }: { found: RunShown; onOpen: (id: string) => void }) {
  const { run, log, others } = found;
  const stop = useRunAction(run.id, "stop");
  const retry = useRunAction(run.id, "retry");
  const share = shareOf(run);
  const at = (time: number | null | undefined) => (time ? new Date(time).toLocaleString("en-GB") : "–");
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <Group gap="xs">
          <Badge variant="light" color={COLOURS[run.status]}>
            {run.cancel && !run.ended ? "stopping" : run.status}
          </Badge>
          <Text size="sm" c="var(--quiet)">
            {run.resource}
          </Text>
        </Group>
        <Group gap="xs">
          {run.canStop && (
            <Button size="xs" variant="default" leftSection={<IconPlayerStop size={14} aria-hidden />} loading={stop.isPending} onClick={() => stop.mutate()}>
              Stop
            </Button>
          )}
          {run.canRetry && (
            <Button
              size="xs"
              leftSection={<IconRefresh size={14} aria-hidden />}
              loading={retry.isPending}
              onClick={() => retry.mutate(undefined, { onSuccess: (made) => onOpen(made.id) })}
            >
              Try again
            </Button>
          )}
        </Group>
      </Group>
      {(stop.error ?? retry.error) && <ErrorNote error={stop.error ?? retry.error} />}
      {run.reason && (
        <Alert variant="light" color={run.status === "failed" ? "red" : "orange"} icon={<IconAlertTriangle aria-hidden />}>
          {run.reason}
        </Alert>
      )}
      {!run.ended && (
        <div>
          <Progress value={share ?? 100} animated={share === null} aria-label="Progress" />
          <Text size="sm" mt={4}>
            {progressOf(run, Date.now())}
          </Text>
        </div>
      )}
      <Text size="xs" c="var(--quiet)">
        Asked for {at(run.created)} · begun {at(run.started)} ({run.attempt} times) · ended {at(run.ended)}
      </Text>
      <div>
        <Text size="sm" fw={600} mb={4}>
          Log
        </Text>
        <div className={classes.log} tabIndex={0} role="log" aria-label="Log">
          {log.length === 0 && <span>Nothing was said yet.</span>}
          {log.map((line, place) => (
            <div key={`${line.at} ${place}`}>
              <time>{new Date(line.at).toLocaleTimeString("en-GB")}</time> {line.line}
            </div>
          ))}
        </div>
      </div>
      {others.length > 0 && (
        <div>
          <Text size="sm" fw={600} mb={4}>
            Others on the same
          </Text>
          <Group gap="xs">
            {others.map((other) => (
              <Button key={other.id} size="compact-xs" variant="light" color={COLOURS[other.status]} onClick={() => onOpen(other.id)}>
                {whatOf(other)} · {other.status}
              </Button>
            ))}
          </Group>
        </div>
      )}
      <SameIn
        same={{
          cli: [
            `endcap jobs show ${run.id} --watch`,
            run.canStop ? `endcap jobs stop ${run.id}` : "",
            run.canRetry ? `endcap jobs retry ${run.id}` : "",
          ]
            .filter(Boolean)
            .join("\n"),
          api: `curl -s "$ENDCAP_URL/console/api/runs/${run.id}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
        }}
      />
    </Stack>
  );
}
