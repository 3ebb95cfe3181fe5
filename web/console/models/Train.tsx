import { Accordion, Alert, Badge, Button, Card, Grid, Group, Skeleton, Stack, Text, TextInput, Title, UnstyledButton } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { useState } from "react";

import type { ParameterLine, RecipeLine, RecipeReadiness } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { word } from "../data/format";
import { useReadiness } from "../data/queries";
import { useAddress } from "../where";
import { Parameter } from "./Parameter";
import { useModels, useRecipes, useTrain } from "./queries";
import classes from "./Train.module.css";
import { Training } from "./Training";

const COLOURS: Record<string, string> = { ready: "pine", thin: "yellow", missing: "red" };
const FIRST = "blend";

/** Choose a recipe, change what you like, train it. What serves stays as it is. */
export function Train({ shop }: { shop: string }) {
  const recipes = useRecipes(shop);
  const readiness = useReadiness(shop);
  const models = useModels(shop);
  const [address, change] = useAddress();
  const [wanted, setWanted] = useState("");
  const known = recipes.data?.recipes ?? [];
  const chosen = known.find((each) => each.name === (address.get("recipe") ?? FIRST));
  const stateOf = (name: string) => readiness.data?.recipes.find((each) => each.recipe === name);
  if (recipes.error) return <ErrorNote error={recipes.error} retry={() => void recipes.refetch()} />;
  if (!recipes.data) return <Skeleton h={520} radius="lg" />;
  const shown = known.filter((each) => `${each.name} ${each.title} ${each.use}`.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <Grid gap="md">
      <Grid.Col span={{ base: 12, md: 5 }}>
        <Stack gap="xs">
          <TextInput aria-label="Find a recipe" placeholder="Find a recipe" value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
          <div className={classes.list} role="group" aria-label="Recipes">
            {shown.map((recipe) => (
              <UnstyledButton
                key={recipe.name}
                className={classes.recipe}
                aria-pressed={recipe.name === chosen?.name}
                onClick={() => change({ recipe: recipe.name })}
              >
                <Group justify="space-between" wrap="nowrap" gap="xs">
                  <Text size="sm" fw={600}>
                    {recipe.name}
                  </Text>
                  <State state={stateOf(recipe.name)} />
                </Group>
                <Text size="xs" c="var(--quiet)">
                  {recipe.title}
                </Text>
              </UnstyledButton>
            ))}
          </div>
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 7 }}>
        <Stack gap="md">
          <Training trainings={models.data?.training ?? []} />
          {chosen && <Form key={chosen.name} shop={shop} recipe={chosen} state={stateOf(chosen.name)} />}
        </Stack>
      </Grid.Col>
    </Grid>
  );
}

function State({ state }: { state: RecipeReadiness | undefined }) {
  if (!state) return null;
  const words: Record<string, string> = { ready: "ready", thin: "thin data", missing: "too little" };
  return (
    <Badge size="sm" variant="light" color={COLOURS[state.state] ?? "gray"} tt="none">
      {words[state.state]}
    </Badge>
  );
}

function Form({ shop, recipe, state }: { shop: string; recipe: RecipeLine; state: RecipeReadiness | undefined }) {
  const [settings, setSettings] = useState<Record<string, string>>({});
  const [wrong, setWrong] = useState<Record<string, boolean>>({});
  const train = useTrain(shop);
  const [, change] = useAddress();
  const set = (parameter: ParameterLine, value: string, isWrong: boolean) => {
    setWrong((all) => ({ ...all, [parameter.name]: isWrong }));
    setSettings((all) => {
      const { [parameter.name]: _, ...others } = all;
      return value === parameter.default ? others : { ...others, [parameter.name]: value };
    });
  };
  const basic = recipe.parameters.filter((each) => !each.advanced);
  const advanced = recipe.parameters.filter((each) => each.advanced);
  const flags = Object.entries(settings).map(([name, value]) => ` --set ${word(`${name}=${value}`)}`);
  const fields = (shown: ParameterLine[]) =>
    shown.map((each) => <Parameter key={each.name} parameter={each} value={settings[each.name] ?? each.default} onChange={(value, isWrong) => set(each, value, isWrong)} />);
  return (
    <Card>
      <Title order={2} size="h3">
        {recipe.name}
      </Title>
      <Text size="sm">When to use it: {recipe.use}.</Text>
      <Text size="xs" c="var(--quiet)" mb="md">
        Cost: {recipe.cost}.
      </Text>
      {state && state.state !== "ready" && (
        <Alert color={COLOURS[state.state] ?? "gray"} variant="light" mb="md">
          {state.said}
        </Alert>
      )}
      <Stack gap="sm">
        {fields(basic)}
        {advanced.length > 0 && (
          <Accordion variant="contained">
            <Accordion.Item value="advanced">
              <Accordion.Control>Advanced ({advanced.length})</Accordion.Control>
              <Accordion.Panel>
                <Stack gap="sm">{fields(advanced)}</Stack>
              </Accordion.Panel>
            </Accordion.Item>
          </Accordion>
        )}
        {train.error ? <ErrorNote error={train.error} /> : null}
        {train.data && (
          <Alert color="pine" variant="light" icon={<IconCircleCheck aria-hidden />} role="status">
            Version {train.data.id} is being trained.{" "}
            <Button size="compact-xs" variant="subtle" onClick={() => change({ tab: null })}>
              See the versions
            </Button>
          </Alert>
        )}
        <Button w="fit-content" onClick={() => train.mutate({ shop, recipe: recipe.name, settings, solution: "" })} loading={train.isPending} disabled={Object.values(wrong).some(Boolean)}>
          Train {recipe.name}
        </Button>
        <SameIn
          same={{
            cli: `endcap train ${recipe.name} --shop ${shop}${flags.join("")}`,
            python: `from endcap.jobs.training import train\n\nversion = train(workspace, shop, ${JSON.stringify(recipe.name)}, settings=${JSON.stringify(settings)})`,
            api: `curl -s "$ENDCAP_URL/console/api/models" -H "authorization: Bearer $ENDCAP_TOKEN" -H "content-type: application/json" \\\n  -d ${word(JSON.stringify({ shop, recipe: recipe.name, settings }))}`,
          }}
        />
      </Stack>
    </Card>
  );
}
