import { Autocomplete, Button, Group, Modal, NumberInput, Stack, Text } from "@mantine/core";
import { useState } from "react";

import type { ModelLine } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { usePublish, useCampaigns } from "./queries";

/** Let a version serve: which campaign, how many of its shoppers; asked once more before it happens. */
export function PublishButton({ shop, model }: { shop: string; model: ModelLine }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button size="compact-sm" variant="light" onClick={() => setOpen(true)} disabled={model.status === "rejected"} aria-label={`Publish version ${model.id}`}>
        Publish
      </Button>
      <Modal closeButtonProps={{ "aria-label": "Close" }} opened={isOpen} onClose={() => setOpen(false)} title={`Publish ${model.recipe} ${model.id}`}>
        {isOpen && <Form shop={shop} model={model} onDone={() => setOpen(false)} />}
      </Modal>
    </>
  );
}

function Form({ shop, model, onDone }: { shop: string; model: ModelLine; onDone: () => void }) {
  const campaigns = useCampaigns(shop);
  const publish = usePublish(shop);
  const known = campaigns.data?.campaigns ?? [];
  const likely = known.find((each) => each.variants.some((variant) => variant.recipe === model.recipe))?.name;
  const [typed, setName] = useState<string | null>(null);
  const [weight, setWeight] = useState(100);
  const name = typed ?? likely ?? model.solution;
  const there = known.find((each) => each.name === name);
  const send = () => publish.mutate({ shop, version: model.id, campaign: name, weight }, { onSuccess: onDone });
  return (
    <Stack>
      <Autocomplete label="Campaign" description="What clients ask; a new name makes a new one" data={known.map((each) => each.name)} value={name} onChange={setName} />
      <NumberInput
        label="Share of shoppers, in per cent"
        description="The others keep what they have; each shopper always gets the same"
        min={1}
        max={100}
        value={weight}
        onChange={(value) => setWeight(Math.min(100, Math.max(1, Number(value) || 1)))}
      />
      <Text size="sm">
        {there
          ? `${weight} % of the shoppers of ${name} get this version within a second. Now: ${there.variants.map((each) => `${each.recipe} ${each.version} ${each.weight} %`).join(", ")}.`
          : `${name} is a new campaign: all of its shoppers get this version.`}
      </Text>
      {publish.error ? <ErrorNote error={publish.error} /> : null}
      <Group justify="flex-end">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <Button onClick={send} loading={publish.isPending} disabled={!name}>
          Publish
        </Button>
      </Group>
      <SameIn
        same={{
          cli: `endcap publish ${model.id} --shop ${shop} --campaign ${name} --weight ${weight}`,
          python: `from endcap.jobs.publishing import publish\n\npublish(workspace, shop, ${JSON.stringify(model.id)}, ${JSON.stringify(name)}, ${weight})`,
        }}
      />
    </Stack>
  );
}
