import { Badge, Button, Card, Group, Skeleton, Stack, Table, Text } from "@mantine/core";
import { IconArrowsExchange, IconBarbell } from "@tabler/icons-react";

import type { ModelLine, ModelList } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { ago, day, moment, seconds } from "../data/format";
import { useAddress } from "../where";
import { ModelCard } from "./ModelCard";
import { PublishButton } from "./PublishButton";
import { Quality } from "./Quality";
import { useModels } from "./queries";
import { Training } from "./Training";

/** Every version, newest first: what it learned from, how good it is, where it serves. */
export function Versions({ shop }: { shop: string }) {
  const found = useModels(shop);
  const [address, change] = useAddress();
  const chosen = (address.get("compare") ?? "").split(",").filter(Boolean);
  if (found.error) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Skeleton h={420} radius="lg" />;
  const list = found.data;
  const toTrain = (
    <Button leftSection={<IconBarbell size={16} aria-hidden />} onClick={() => change({ tab: "train" })}>
      Train a recipe
    </Button>
  );
  const toggle = (id: string) => {
    const next = chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id];
    change({ compare: next.join(",") }, true);
  };
  return (
    <Stack gap="md">
      <Group justify="space-between">
        {toTrain}
        <Button
          variant="default"
          leftSection={<IconArrowsExchange size={16} aria-hidden />}
          disabled={chosen.length === 0}
          onClick={() => change({ tab: "compare" })}
        >
          Compare {chosen.length || ""}
        </Button>
      </Group>
      <Training trainings={list.training} />
      {list.models.length === 0 && list.training.length === 0 && (
        <EmptyState title="Nothing was trained yet" command={`endcap train --shop ${shop}`}>
          Choose a recipe: blend is a good first one. What is served stays as it is until you publish.
        </EmptyState>
      )}
      {list.models.length > 0 && (
        <Card p={0}>
          <Table.ScrollContainer type="native" tabIndex={0} minWidth={860}>
            <Table aria-label="Versions" verticalSpacing="xs" horizontalSpacing="sm" highlightOnHover>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th aria-label="Compare" w={36} />
                  <Table.Th miw={170}>Recipe</Table.Th>
                  <Table.Th>Learned from</Table.Th>
                  <Table.Th miw={200}>Quality, with 95 % interval</Table.Th>
                  <Table.Th miw={150}>Serves</Table.Th>
                  <Table.Th aria-label="Actions" />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.models.map((model) => (
                  <Version key={model.id} model={model} list={list} shop={shop} isChosen={chosen.includes(model.id)} onChoose={() => toggle(model.id)} onCard={() => change({ version: model.id })} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Card>
      )}
      <ModelCard shop={shop} id={address.get("version") ?? ""} list={list} onClose={() => change({ version: null })} />
      <SameIn
        same={{
          cli: `endcap status\nendcap report --shop ${shop}`,
          python: "for version in workspace.versions.list(shop):\n    print(version.id, version.recipe, version.lineage.snapshot, version.lineage.metrics)",
          api: `curl -s "$ENDCAP_URL/console/api/models?shop=${encodeURIComponent(shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
        }}
      />
    </Stack>
  );
}

interface VersionProps {
  model: ModelLine;
  list: ModelList;
  shop: string;
  isChosen: boolean;
  onChoose: () => void;
  onCard: () => void;
}

function Version({ model, list, shop, isChosen, onChoose, onCard }: VersionProps) {
  return (
    <Table.Tr>
      <Table.Td>
        <input type="checkbox" checked={isChosen} onChange={onChoose} aria-label={`Compare version ${model.id} of ${model.recipe}`} />
      </Table.Td>
      <Table.Td>
        <Text fw={600} size="sm">
          {model.recipe}
        </Text>
        <Text size="xs" c="var(--quiet)" title={moment(model.created)}>
          {model.id} · {ago(model.created)} · {seconds(model.seconds)}
        </Text>
        {model.status === "rejected" && (
          <Badge size="xs" color="red" variant="light" title={model.reason}>
            rejected
          </Badge>
        )}
      </Table.Td>
      <Table.Td>
        <Text size="sm">{model.snapshot || "–"}</Text>
        <Text size="xs" c="var(--quiet)">
          up to {day(model.trainedUntil)}
          {model.behind ? ", data is newer" : ""}
        </Text>
      </Table.Td>
      <Table.Td>
        <Quality model={model} list={list} />
      </Table.Td>
      <Table.Td>
        <Group gap={4}>
          {model.served.length === 0 && (
            <Text size="sm" c="var(--quiet)">
              nobody
            </Text>
          )}
          {model.served.map((share) => (
            <Badge key={share.campaign} variant="light" tt="none" title={share.campaign} maw="none">
              {share.campaign.replace(`${shop}-`, "")}
              {share.weight < 100 ? ` ${share.weight} %` : ""}
            </Badge>
          ))}
        </Group>
      </Table.Td>
      <Table.Td>
        <Group gap="xs" wrap="nowrap" justify="flex-end">
          <Button size="compact-sm" variant="default" onClick={onCard} aria-label={`Card of version ${model.id}`}>
            Card
          </Button>
          <PublishButton shop={shop} model={model} />
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}
