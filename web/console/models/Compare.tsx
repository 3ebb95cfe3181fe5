import { Button, Card, Checkbox, Group, MultiSelect, NumberInput, Progress, Select, SimpleGrid, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconArrowsExchange } from "@tabler/icons-react";
import { useState } from "react";

import type { Evaluation, ModelList } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { ago, count, left } from "../data/format";
import { hasEnded } from "../data/queries";
import { useAddress } from "../where";
import { Comparison } from "./Comparison";
import { Report } from "./Report";
import { useCompare, useEvaluations, useModels, useRecipes } from "./queries";

/** Judge versions beside each other on the shop's own last weeks, and read what came of it. */
export function Compare({ shop }: { shop: string }) {
  const models = useModels(shop);
  const found = useEvaluations(shop);
  const [address, change] = useAddress();
  if (models.error ?? found.error) return <ErrorNote error={models.error ?? found.error} retry={() => void found.refetch()} />;
  if (!models.data || !found.data) return <Skeleton h={480} radius="lg" />;
  const all = found.data.evaluations;
  const shown = all.find((each) => each.id === address.get("evaluation")) ?? all[0];
  return (
    <Stack gap="lg">
      <Ask shop={shop} list={models.data} onAsked={(id) => change({ evaluation: id, compare: null })} />
      {all.length > 1 && (
        <Select
          label="Comparison"
          w={340}
          value={shown?.id ?? null}
          data={all.map((each) => ({ value: each.id, label: `${ago(each.created)}: ${[...each.versions, ...each.recipes].length} over ${each.days} days, ${each.status}` }))}
          onChange={(id) => change({ evaluation: id })}
        />
      )}
      {!shown && models.data.report.length > 0 && <Report rows={models.data.report} shop={shop} />}
      {!shown && !models.data.report.length && (
        <EmptyState title="Nothing was compared yet" command={`endcap evaluate --shop ${shop}`}>
          Choose versions above: each is trained again on what came before the last weeks, and judged on those, beside popularity and what serves now.
        </EmptyState>
      )}
      {shown && !hasEnded(shown.status) && <Running evaluation={shown} />}
      {shown && shown.status === "failed" && <ErrorNote error={new Error(shown.reason)} />}
      {shown && shown.status === "done" && <Comparison evaluation={shown} models={models.data.models} />}
      <SameIn
        same={{
          cli: `endcap evaluate --shop ${shop} --recipe blend --recipe item-item --days 28`,
          python: `from endcap.jobs import comparing\n\ncomparing.ask(workspace, shop, [${JSON.stringify(models.data.models[0]?.id ?? "VERSION")}], days=28)`,
          api: `curl -s "$ENDCAP_URL/console/api/evaluations" -H "authorization: Bearer $ENDCAP_TOKEN" -H "content-type: application/json" \\\n  -d '${JSON.stringify({ shop, versions: models.data.models.slice(0, 2).map((each) => each.id), days: 28 })}'`,
        }}
      />
    </Stack>
  );
}

function Ask({ shop, list, onAsked }: { shop: string; list: ModelList; onAsked: (id: string) => void }) {
  const [address] = useAddress();
  const recipes = useRecipes(shop);
  const compare = useCompare(shop);
  const [versions, setVersions] = useState((address.get("compare") ?? "").split(",").filter(Boolean));
  const [others, setOthers] = useState<string[]>([]);
  const [days, setDays] = useState(28);
  const labels = list.models.map((each) => ({ value: each.id, label: `${each.recipe} ${each.id}${each.id === list.live ? " (live)" : ""}` }));
  const send = () => compare.mutate({ shop, versions, recipes: others, days, at: 20 }, { onSuccess: (made) => onAsked(made.id) });
  return (
    <Card>
      <Title order={2} size="h3" mb="sm">
        Compare
      </Title>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <MultiSelect label="Versions" description="What serves now is compared along" data={labels} value={versions} onChange={setVersions} searchable />
        <MultiSelect
          label="Recipes nobody trained yet"
          description="With their default settings"
          data={recipes.data?.recipes.filter((each) => !["USER_SEGMENTATION", "PERSONALIZED_ACTIONS"].includes(each.type)).map((each) => each.name) ?? []}
          value={others}
          onChange={setOthers}
          searchable
        />
        <NumberInput label="Days to judge on" description="The last ones; what came before is learned from" min={1} max={730} value={days} onChange={(value) => setDays(Number(value) || 28)} />
        <Group align="flex-end">
          <Button leftSection={<IconArrowsExchange size={16} aria-hidden />} onClick={send} loading={compare.isPending} disabled={versions.length + others.length === 0}>
            Compare
          </Button>
          <Checkbox checked readOnly label="beside popularity" aria-label="Popularity is always compared along" disabled />
        </Group>
      </SimpleGrid>
      {compare.error ? <ErrorNote error={compare.error} /> : null}
    </Card>
  );
}

function Running({ evaluation }: { evaluation: Evaluation }) {
  return (
    <Card role="status" aria-live="polite">
      <Text fw={600} size="sm">
        {evaluation.label || "Waiting for its turn"}
      </Text>
      <Progress my="xs" value={evaluation.total ? (100 * evaluation.done) / evaluation.total : 100} animated={!evaluation.total} striped={!evaluation.total} aria-label="Comparing" />
      <Text size="xs" c="var(--quiet)">
        {evaluation.done ? `${count(evaluation.done)} ${evaluation.unit} ` : ""}
        {left(evaluation.eta)}
      </Text>
    </Card>
  );
}
