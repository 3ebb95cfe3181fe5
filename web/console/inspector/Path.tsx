import { Text } from "@mantine/core";

import type { StepPlace } from "../../api/schema";
import classes from "./Inspector.module.css";
import { stepName } from "./words";

/** Where an item stood after each step that moved it. */
export function Path({ path }: { path: StepPlace[] }) {
  const told = path.filter((step, place) => place === 0 || step.place !== path[place - 1]?.place);
  if (told.length === 0) return null;
  return (
    <div>
      <Text size="sm" fw={600} mb={4}>
        {told.length > 1 ? "Its way through the answer" : "No later step moved it"}
      </Text>
      <ol className={classes.funnel} aria-label="Places after each step">
        {told.map((step) => (
          <li key={step.step} className={classes.stage}>
            {stepName(step.step)} <b>{step.place ?? "out"}</b>
          </li>
        ))}
      </ol>
    </div>
  );
}
