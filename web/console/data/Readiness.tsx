import { Badge, Button, Card, Group, Progress, SimpleGrid, Skeleton, Stack, Text, Title } from "@mantine/core";

import { Link } from "wouter";

import type { NeedLine, RecipeReadiness } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { screen } from "../where";
import { count } from "./format";
import { useReadiness } from "./queries";

const STATES: Record<string, { word: string; colour: string }> = {
  ready: { word: "Ready", colour: "pine" },
  thin: { word: "Trains, says little", colour: "yellow" },
  missing: { word: "Cannot train yet", colour: "red" },
};

/** What each recipe still needs of this shop's data, counted. */
export function Readiness({ shop }: { shop: string }) {
  const found = useReadiness(shop);
  const trainAt = (recipe: string) => `${screen("models", shop)}&tab=train&recipe=${encodeURIComponent(recipe)}`;
  if (found.error) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  if (!found.data || found.data.checking) {
    return (
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} aria-busy>
        {Array.from({ length: 9 }, (_, place) => (
          <Skeleton key={place} h={170} radius="lg" />
        ))}
      </SimpleGrid>
    );
  }
  const { recipes } = found.data;
  const ready = recipes.filter((each) => each.state === "ready").length;
  return (
    <Stack gap="md">
      <Text size="sm">
        {ready} of {recipes.length} recipes have all they need. Counts are of this shop's own tables, {found.data.snapshot}.
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {recipes.map((recipe) => (
          <Recipe key={recipe.recipe} recipe={recipe} href={trainAt(recipe.recipe)} />
        ))}
      </SimpleGrid>
      <SameIn
        same={{
          cli: `endcap check --shop ${shop}`,
          python: "from endcap.lake.measures import measure\nfrom endcap.recipes.needs import NEEDS\n\nhave = measure(workspace.lake, shop, workspace.clock.now())\nprint(have, NEEDS[\"bought-together\"])",
          api: `curl -s "$ENDCAP_URL/console/api/data/readiness?shop=${encodeURIComponent(shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
        }}
      />
    </Stack>
  );
}

function Recipe({ recipe, href }: { recipe: RecipeReadiness; href: string }) {
  const state = STATES[recipe.state] ?? { word: recipe.state, colour: "gray" };
  return (
    <Card component="article" aria-label={recipe.recipe}>
      <Group justify="space-between" wrap="nowrap" mb={4}>
        <Title order={2} size="h4" fz="md" fw={600}>
          {recipe.recipe}
        </Title>
        <Badge variant="light" color={state.colour} tt="none">
          {state.word}
        </Badge>
      </Group>
      <Text size="sm" c="var(--quiet)" mb="sm">
        {recipe.state === "ready" ? recipe.use : recipe.said}
      </Text>
      <Stack gap={8} mb="sm">
        {recipe.needs.map((need) => (
          <Need key={need.measure + need.least} need={need} />
        ))}
      </Stack>
      {recipe.state !== "missing" && (
        <Button component={Link} href={href} size="compact-sm" variant="light" mt="auto" w="fit-content" aria-label={`Train ${recipe.recipe}`}>
          Train
        </Button>
      )}
    </Card>
  );
}

function Need({ need }: { need: NeedLine }) {
  const share = Math.min(100, (100 * need.have) / Math.max(1, need.least));
  const said = `${count(need.have)} of ${count(need.least)} ${need.words}`;
  return (
    <div title={need.why}>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="xs" truncate>
          {need.words}
        </Text>
        <Text size="xs" c="var(--quiet)" ff="monospace">
          {count(need.have)}
          {need.missing ? ` / ${count(need.least)}` : ""}
        </Text>
      </Group>
      <Progress value={share} size="xs" color={need.missing ? (need.required ? "red" : "yellow") : "pine"} aria-label={said} />
    </div>
  );
}
