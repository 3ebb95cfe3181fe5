import { Group, Text } from "@mantine/core";

import type { Inspected } from "../../api/schema";
import classes from "./Inspector.module.css";
import { count, partName, stageName } from "./words";

/** How many items there were at each point, from the catalogue to what is shown. */
export function Stages({ found }: { found: Inspected }) {
  return (
    <div>
      <ol className={classes.funnel} aria-label="Items left at each point of the answer">
        {found.stages.map((stage) => (
          <li key={stage.name} className={classes.stage} data-bars={stage.bars || undefined}>
            {stage.bars ? "− " : ""}
            <b>{count(stage.count)}</b> {stageName(stage.name)}
          </li>
        ))}
      </ol>
      <Group gap="xs" mt={6}>
        <Text size="xs" c="var(--quiet)">
          Candidates by what speaks loudest for them:{" "}
          {found.sources.map((source) => `${partName(source.name)} ${count(source.count)}`).join(" · ") || "none"}
        </Text>
        <Text size="xs" c="var(--quiet)">
          Measured with {found.groups.length + 1} answers in {Math.round(found.ms)} ms.
        </Text>
      </Group>
    </div>
  );
}
