import { Card, Table, Text, Title } from "@mantine/core";

import type { Evaluation, EvaluationRow } from "../../api/schema";
import { count } from "../data/format";
import { decimal, EVERYONE, metricTitle, signed, verdict } from "./judged";
import classes from "./Slices.module.css";

interface Props {
  evaluation: Evaluation;
  metric: string;
  against: "live" | "popularity";
  nameOf: (name: string) => string;
}

const GROUPS: Record<string, string> = { population: "", shoppers: "Shoppers", items: "Items", category: "Category" };

/** For whom and for what each is good: cold and warm shoppers, new items, the largest categories. */
export function Slices({ evaluation, metric, against, nameOf }: Props) {
  const names = [...new Set(evaluation.rows.map((row) => row.name))];
  const slices = [...new Map(evaluation.rows.map((row) => [row.slice, row])).values()];
  const at = (slice: string, name: string) => evaluation.rows.find((row) => row.slice === slice && row.name === name);
  return (
    <Card>
      <Title order={2} size="h3">
        For whom, and for what
      </Title>
      <Text size="sm" c="var(--quiet)" mb="md">
        {metricTitle(metric)} in each part, with half the width of its 95 % interval; below it the difference to {against}. Parts of fewer than 30 shoppers are left out.
      </Text>
      <Table.ScrollContainer type="native" tabIndex={0} minWidth={300 + 140 * names.length}>
        <Table aria-label="Slices" verticalSpacing={6} stripedColor="transparent">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Part</Table.Th>
              <Table.Th ta="right">Shoppers</Table.Th>
              {names.map((name) => (
                <Table.Th key={name} ta="right">
                  {nameOf(name)}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {slices.map((slice) => (
              <Table.Tr key={slice.slice}>
                <Table.Th scope="row" fw={slice.slice === EVERYONE ? 650 : 500}>
                  {GROUPS[slice.group] ? `${GROUPS[slice.group]}: ` : ""}
                  {slice.slice}
                </Table.Th>
                <Table.Td ta="right">{count(slice.users)}</Table.Td>
                {names.map((name) => (
                  <Cell key={name} row={at(slice.slice, name)} metric={metric} against={against} />
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}

function Cell({ row, metric, against }: { row: EvaluationRow | undefined; metric: string; against: Props["against"] }) {
  const value = row?.metrics[metric];
  if (!row || !value) return <Table.Td ta="right">–</Table.Td>;
  const difference = (against === "live" ? row.overLive : row.overPopularity)[metric];
  return (
    <Table.Td ta="right" ff="monospace" fz="sm">
      {decimal(value.value)} <span className={classes.half}>±{decimal((value.high - value.low) / 2)}</span>
      {difference && (
        <div className={classes.difference} data-tone={verdict(difference)}>
          {signed(difference.value)}
        </div>
      )}
    </Table.Td>
  );
}
