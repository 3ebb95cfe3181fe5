import { Badge, Group, Text, Tooltip } from "@mantine/core";

import type { ModelLine, ModelList } from "../../api/schema";
import { decimal, judgedOf, mainMetric, metricTitle, signed, verdict, VERDICTS } from "./judged";
import { Whisker } from "./Whisker";

/** One line about how good a version is: its value with the interval, and against popularity and what serves. */
export function Quality({ model, list }: { model: ModelLine; list: ModelList }) {
  const found = judgedOf(model, list);
  if (!found) {
    const name = Object.keys(model.metrics).find((each) => each.includes("gain_at_25"));
    if (!name) return <Text size="sm" c="var(--quiet)">not judged yet: compare it</Text>;
    return (
      <Tooltip label="From its own training, a tenth of the shoppers held out; without an interval">
        <Text size="sm">NDCG@25 {decimal(model.metrics[name] ?? 0)}</Text>
      </Tooltip>
    );
  }
  const { row, own } = found;
  const metric = mainMetric(row);
  const value = row.metrics[metric];
  const most = Math.max(...[...list.judged, ...list.report].map((each) => each.metrics[metric]?.high ?? 0), value?.high ?? 0);
  if (!value) return null;
  return (
    <div>
      <Group gap="xs" wrap="nowrap">
        <Text size="sm" ff="monospace" w={52}>
          {decimal(value.value)}
        </Text>
        <Whisker interval={value} low={0} high={most} label={`${metricTitle(metric)} ${decimal(value.low)} to ${decimal(value.high)}`} />
      </Group>
      <Group gap={4} mt={2}>
        <Against name="popularity" difference={row.overPopularity[metric]} />
        <Against name="live" difference={row.overLive[metric]} />
        {!own && (
          <Text size="xs" c="var(--quiet)">
            this recipe with its defaults
          </Text>
        )}
      </Group>
    </div>
  );
}

function Against({ name, difference }: { name: string; difference: { value: number; low: number; high: number } | undefined }) {
  if (!difference) return null;
  const said = VERDICTS[verdict(difference)];
  return (
    <Badge size="sm" variant="light" color={said.colour} tt="none" title={`${signed(difference.low)} … ${signed(difference.high)}`}>
      {signed(difference.value)} over {name}
    </Badge>
  );
}
