import { Badge, Button, Card, Code, Group, Modal, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { IconArrowBackUp } from "@tabler/icons-react";
import { useState } from "react";

import type { CampaignServed, VariantLine } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { ago, moment } from "../data/format";
import { useAddress } from "../where";
import { useCampaigns, useRollback } from "./queries";
import { Traffic } from "./Traffic";

/** What serves: each campaign with its variants and their share of shoppers, and every generation before. */
export function Serving({ shop }: { shop: string }) {
  const found = useCampaigns(shop);
  if (found.error) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Skeleton h={320} radius="lg" />;
  const { campaigns } = found.data;
  return (
    <Stack gap="md">
      {campaigns.length === 0 && (
        <EmptyState title="Nothing is served yet" command={`endcap publish --shop ${shop}`}>
          Publish a version: shoppers get it within a second, and a rollback takes as long.
        </EmptyState>
      )}
      {campaigns.map((campaign) => (
        <Campaign key={campaign.name} shop={shop} campaign={campaign} />
      ))}
      <SameIn
        same={{
          cli: `endcap publish VERSION --shop ${shop} --campaign NAME --weight 10\nendcap rollback --shop ${shop} --campaign NAME`,
          python: 'from endcap.jobs.publishing import publish\n\npublish(workspace, shop, "VERSION", "NAME", weight=10)\nworkspace.campaigns.rollback(shop, "NAME")',
          api: `curl -s "$ENDCAP_URL/console/api/campaigns?shop=${encodeURIComponent(shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
        }}
      />
    </Stack>
  );
}

const told = (variants: VariantLine[]): string => variants.map((each) => `${each.recipe || "?"} ${each.version} ${each.weight} %`).join(", ");

function Campaign({ shop, campaign }: { shop: string; campaign: CampaignServed }) {
  const [, change] = useAddress();
  const [isAsked, setAsked] = useState(false);
  const rollback = useRollback(shop);
  const before = campaign.past.find((each) => each.generation < (campaign.past[0]?.restores ?? campaign.generation));
  return (
    <Card component="article" aria-label={campaign.name}>
      <Group justify="space-between" mb="sm" gap="sm">
        <Group gap="xs">
          <Title order={2} size="h3">
            {campaign.name}
          </Title>
          <Badge variant="light" color="gray" tt="none">
            generation {campaign.generation}
          </Badge>
          {Object.entries(campaign.policy).map(([name, value]) => (
            <Badge key={name} variant="outline" color="gray" tt="none">
              {name.replaceAll("_", " ")}: {value}
            </Badge>
          ))}
        </Group>
        <Button size="sm" variant="default" leftSection={<IconArrowBackUp size={16} aria-hidden />} disabled={!before} onClick={() => setAsked(true)} aria-label={`Roll back ${campaign.name}`}>
          Roll back
        </Button>
      </Group>
      <Traffic variants={campaign.variants} onVersion={(version) => change({ tab: null, version })} />
      <Text size="xs" c="var(--quiet)" mt="xs">
        ARN <Code>{campaign.arn}</Code>
      </Text>
      <Table.ScrollContainer type="native" tabIndex={0} minWidth={480} mah={220} mt="sm">
        <Table aria-label={`Generations of ${campaign.name}`} verticalSpacing={4}>
          <Table.Tbody>
            {campaign.past.map((each) => (
              <Table.Tr key={each.generation}>
                <Table.Td w={50}>{each.generation}</Table.Td>
                <Table.Td w={140} title={moment(each.created)}>
                  {ago(each.created)}
                </Table.Td>
                <Table.Td>
                  {told(each.variants)}
                  {each.restores ? ` (rolled back to ${each.restores})` : ""}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={isAsked} onClose={() => setAsked(false)} title={`Roll back ${campaign.name}?`}>
        <Stack>
          <Text size="sm">
            All its shoppers get what served before{before ? `: ${told(before.variants)}` : ""}. It is a new generation, so it can be rolled back too.
          </Text>
          {rollback.error ? <ErrorNote error={rollback.error} /> : null}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsked(false)}>
              Cancel
            </Button>
            <Button color="red" loading={rollback.isPending} onClick={() => rollback.mutate(campaign.name, { onSuccess: () => setAsked(false) })}>
              Roll back
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Card>
  );
}
