import { Alert, Card, Group, Progress, Text } from "@mantine/core";

import type { TrainingLine } from "../../api/schema";
import { ago, count, left } from "../data/format";
import { hasEnded } from "../data/queries";

/** What is being trained just now, and what lately failed, with the reason. */
export function Training({ trainings }: { trainings: TrainingLine[] }) {
  const recent = trainings.filter((each) => !hasEnded(each.status) || each.status === "failed").slice(0, 4);
  return recent.map((each) =>
    hasEnded(each.status) ? (
      <Alert key={each.id} color="red" variant="light" title={`${each.recipe} could not be trained`}>
        {each.reason} ({ago(each.created)})
      </Alert>
    ) : (
      <Card key={each.id} role="status">
        <Group justify="space-between" mb={6}>
          <Text size="sm" fw={600}>
            Training {each.recipe}
          </Text>
          <Text size="xs" c="var(--quiet)">
            {each.label || "waiting for its turn"} {each.done ? `· ${count(each.done)}${each.total ? ` of ${count(each.total)}` : ""} ${each.unit}` : ""} {left(each.eta)}
          </Text>
        </Group>
        <Progress value={each.total ? (100 * each.done) / each.total : 100} animated={!each.total} striped={!each.total} aria-label={`Training ${each.recipe}`} />
      </Card>
    ),
  );
}
