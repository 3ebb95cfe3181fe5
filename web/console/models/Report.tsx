import { Card, Text, Title } from "@mantine/core";

import type { EvaluationRow } from "../../api/schema";
import { count } from "../data/format";
import { Forest } from "./Forest";
import { EVERYONE, metricTitle } from "./judged";

/** What `endcap evaluate` and `endcap demo` found of recipes with their defaults, until versions are compared here. */
export function Report({ rows, shop }: { rows: EvaluationRow[]; shop: string }) {
  const everyone = rows.filter((row) => row.slice === EVERYONE);
  const metric = Object.keys(everyone[0]?.metrics ?? {}).find((name) => name.startsWith("ndcg@"));
  if (!metric) return null;
  return (
    <Card>
      <Title order={2} size="h3">
        Recipes against popularity
      </Title>
      <Text size="sm" c="var(--quiet)" mb="md">
        {metricTitle(metric)} over {count(everyone[0]?.users ?? 0)} shoppers, each recipe with its defaults: the last endcap
        evaluate of {shop}. Choose versions above to compare those.
      </Text>
      <Forest rows={everyone} metric={metric} against="popularity" nameOf={(name) => name} />
    </Card>
  );
}
