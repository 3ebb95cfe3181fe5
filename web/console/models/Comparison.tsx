import { Card, Group, SegmentedControl, Stack, Text, Title } from "@mantine/core";

import type { Evaluation, ModelLine } from "../../api/schema";
import { count, day } from "../data/format";
import { useAddress } from "../where";
import { Forest } from "./Forest";
import { EVERYONE, metricTitle } from "./judged";
import { Slices } from "./Slices";

const METRICS = ["ndcg", "recall", "hit_rate", "mrr"];

/** What a comparison found: differences with their intervals first, then the values, then for whom. */
export function Comparison({ evaluation, models }: { evaluation: Evaluation; models: ModelLine[] }) {
  const [address, change] = useAddress();
  const wanted = METRICS.find((each) => each === address.get("metric")) ?? "ndcg";
  const metric = `${wanted}@${evaluation.at}`;
  const hasLive = evaluation.rows.some((row) => Object.keys(row.overLive).length > 0);
  const against = address.get("against") === "popularity" || !hasLive ? "popularity" : "live";
  const nameOf = (name: string): string => {
    const model = models.find((each) => each.id === name);
    const live = name === evaluation.live ? " (live)" : "";
    return model ? `${model.recipe} ${model.id}${live}` : name;
  };
  const everyone = evaluation.rows.filter((row) => row.slice === EVERYONE);
  const skipped = Object.entries(evaluation.skipped);
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          size="xs"
          aria-label="Metric"
          value={wanted}
          onChange={(value) => change({ metric: value === "ndcg" ? null : value })}
          data={METRICS.map((value) => ({ value, label: metricTitle(`${value}@${evaluation.at}`) }))}
        />
        {hasLive && (
          <SegmentedControl
            size="xs"
            aria-label="Compared with"
            value={against}
            onChange={(value) => change({ against: value === "live" ? null : value })}
            data={[
              { value: "live", label: "against live" },
              { value: "popularity", label: "against popularity" },
            ]}
          />
        )}
      </Group>
      <Card>
        <Title order={2} size="h3">
          Difference to {against === "live" ? `what serves now, ${nameOf(evaluation.live)}` : "popularity"}
        </Title>
        <Text size="sm" c="var(--quiet)" mb="md">
          {metricTitle(metric)} over {count(everyone[0]?.users ?? 0)} shoppers, {day(evaluation.cut)} to {day(evaluation.until)}. Paired: both sides are judged on the same
          shoppers. A line that does not cross zero is a difference worth believing.
        </Text>
        <Forest rows={everyone} metric={metric} against={against} nameOf={nameOf} />
      </Card>
      <Slices evaluation={evaluation} metric={metric} against={against} nameOf={nameOf} />
      {skipped.length > 0 && (
        <Text size="sm" c="var(--quiet)">
          {skipped.map(([name, reason]) => `${nameOf(name)} was left out: ${reason}`).join(" ")}
        </Text>
      )}
    </Stack>
  );
}
