import { Anchor, Drawer, Group, List, Skeleton, Stack, Table, Text, Title } from "@mantine/core";

import type { ModelCard as Card, ModelList } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { count, day, moment, seconds, size } from "../data/format";
import { Quality } from "./Quality";
import { choiceAt, useCard } from "./queries";

interface Props {
  shop: string;
  id: string;
  list: ModelList;
  onClose: () => void;
}

/** Everything that is known of a version: what it is for, what it learned from, its settings, its numbers, its limits. */
export function ModelCard({ shop, id, list, onClose }: Props) {
  const found = useCard(shop, id);
  return (
    <Drawer closeButtonProps={{ "aria-label": "Close" }} opened={Boolean(id)} onClose={onClose} position="right" size="lg" title={id ? `Model card of ${id}` : ""}>
      {found.error ? <ErrorNote error={found.error} /> : null}
      {id && !found.data && !found.error && <Skeleton h={480} />}
      {found.data && <Body card={found.data} list={list} shop={shop} />}
    </Drawer>
  );
}

function Body({ card, list, shop }: { card: Card; list: ModelList; shop: string }) {
  const { model } = card;
  return (
    <Stack gap="lg">
      <Part title="What it is">
        <Text size="sm" fw={600}>
          {model.recipe}: {model.title}
        </Text>
        <Text size="sm">When to use it: {card.use}.</Text>
        <Text size="sm" c="var(--quiet)">
          {card.about.split("\n\n")[0]}
        </Text>
      </Part>
      {card.choice && (
        <Part title="How it was chosen">
          <Text size="sm">{card.choice}</Text>
          <Anchor size="sm" href={choiceAt(shop, model.id)} target="_blank" rel="noreferrer">
            What was tried, and why it won
          </Anchor>
        </Part>
      )}
      <Part title="How good it is">
        <Quality model={model} list={list} />
        <Text size="xs" c="var(--quiet)" mt={4}>
          What it has to beat: {card.floor}.
        </Text>
        <Facts rows={Object.entries(model.metrics).map(([name, value]) => [name.replaceAll("_", " "), String(value)])} />
      </Part>
      <Part title="What it learned from">
        <Facts
          rows={[
            ["Snapshot", model.snapshot || "–"],
            ["Newest event", day(model.trainedUntil)],
            ["Trained", `${moment(model.created)} UTC, in ${seconds(model.seconds)}`],
            ...card.sources.map((each): [string, string] => [each.path, `${size(each.size)}, sha256 ${each.sha256.slice(0, 12)}…`]),
          ]}
        />
      </Part>
      <Part title="Settings">
        <Facts
          rows={card.settings.map((each) => [each.name, each.value === each.default ? each.value : `${each.value} (default ${each.default})`])}
          hints={card.settings.map((each) => each.doc)}
        />
      </Part>
      <Part title="Limits">
        <List size="sm" spacing={4}>
          {card.limits.map((limit) => (
            <List.Item key={limit}>{limit}</List.Item>
          ))}
        </List>
      </Part>
      <Part title="To make it again">
        <Facts
          rows={[
            ["Seed", count(card.seed)],
            ["ARN", card.arn],
            ["Manifest", `sha256 ${card.manifest.slice(0, 16)}…, ${size(model.size)} of files`],
            ...Object.entries(card.libraries),
          ]}
        />
      </Part>
    </Stack>
  );
}

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section>
      <Title order={3} size="h4" mb={6}>
        {title}
      </Title>
      {children}
    </section>
  );
}

function Facts({ rows, hints = [] }: { rows: [string, string][]; hints?: string[] }) {
  if (rows.length === 0) return null;
  return (
    <Table verticalSpacing={4} layout="fixed">
      <Table.Tbody>
        {rows.map(([name, value], place) => (
          <Table.Tr key={name}>
            <Table.Th scope="row" w="40%" fw={500}>
              {name}
              {hints[place] && (
                <Text size="xs" c="var(--quiet)" fw={400}>
                  {hints[place]}
                </Text>
              )}
            </Table.Th>
            <Table.Td>
              <Group gap={4}>
                <Text size="sm" lineClamp={3}>
                  {value}
                </Text>
              </Group>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
