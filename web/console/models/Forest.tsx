import { Table, Text } from "@mantine/core";

import type { EvaluationRow } from "../../api/schema";
import { decimal, signed, verdict, VERDICTS } from "./judged";
import { Whisker } from "./Whisker";

interface Props {
  rows: EvaluationRow[];
  metric: string;
  against: "live" | "popularity";
  nameOf: (name: string) => string;
}

/** Each one's difference as a dot with its interval, about the line of no difference. */
export function Forest({ rows, metric, against, nameOf }: Props) {
  const of = (row: EvaluationRow) => (against === "live" ? row.overLive : row.overPopularity)[metric];
  const shown = [...rows].sort((one, other) => (other.metrics[metric]?.value ?? 0) - (one.metrics[metric]?.value ?? 0));
  const all = shown.flatMap((row) => of(row) ?? []);
  const low = Math.min(0, ...all.map((each) => each.low));
  const high = Math.max(0, ...all.map((each) => each.high));
  return (
    <Table.ScrollContainer type="native" tabIndex={0} minWidth={620}>
      <Table aria-label={`Differences to ${against}`} verticalSpacing={8}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Recipe</Table.Th>
            <Table.Th ta="right">Value</Table.Th>
            <Table.Th w="40%">Difference</Table.Th>
            <Table.Th ta="right">95 % interval</Table.Th>
            <Table.Th>In words</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shown.map((row) => {
            const difference = of(row);
            const said = verdict(difference);
            const value = row.metrics[metric];
            return (
              <Table.Tr key={row.name}>
                <Table.Td>
                  <Text size="sm" fw={600}>
                    {nameOf(row.name)}
                  </Text>
                </Table.Td>
                <Table.Td ta="right" ff="monospace">
                  {value ? decimal(value.value) : "–"}
                </Table.Td>
                <Table.Td>
                  {difference && (
                    <Whisker interval={difference} low={low} high={high} zero tone={said} label={`${nameOf(row.name)}: ${signed(difference.value)}`} />
                  )}
                </Table.Td>
                <Table.Td ta="right" ff="monospace">
                  {difference ? `${signed(difference.low)} … ${signed(difference.high)}` : "–"}
                </Table.Td>
                <Table.Td>
                  <Text size="sm" c={said === "alike" || said === "" ? "var(--quiet)" : undefined}>
                    {difference ? VERDICTS[said].word : "the yardstick"}
                  </Text>
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
