import { Button, Group, Modal, Tabs, Text } from "@mantine/core";
import { useState } from "react";

import { useVisit } from "../visit";
import { ById } from "./ById";
import { MakeYourOwn } from "./MakeYourOwn";
import { Personas } from "./Personas";
import { Questionnaire } from "./Questionnaire";

/** Choose whom to be. */
export default function PickerDialog({ onClose }: { onClose: () => void }) {
  const visit = useVisit();
  const [tab, setTab] = useState<string | null>("personas");
  const be = (user: string) => {
    onClose();
    visit.become(user);
  };
  return (
    <Modal opened onClose={onClose} size="xl" title="Who is shopping?" centered closeButtonProps={{ "aria-label": "Close" }}>
      <Group justify="space-between" mb="sm">
        <Text size="sm" c="var(--quiet)">
          {visit.user ? `You are ${visit.user}.` : "You are nobody in particular: only this visit counts."}
        </Text>
        <Button variant="default" size="xs" onClick={() => be("")} disabled={!visit.user}>
          Stay anonymous
        </Button>
      </Group>
      <Tabs value={tab} onChange={setTab} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="personas">Real shoppers</Tabs.Tab>
          <Tabs.Tab value="own">Five products</Tabs.Tab>
          <Tabs.Tab value="questions">A few questions</Tabs.Tab>
          <Tabs.Tab value="id">By id</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="personas">
          <Personas onChoose={be} onClose={onClose} />
        </Tabs.Panel>
        <Tabs.Panel value="own">
          <MakeYourOwn onMade={be} />
        </Tabs.Panel>
        <Tabs.Panel value="questions">
          <Questionnaire onMade={be} />
        </Tabs.Panel>
        <Tabs.Panel value="id">
          <ById onChoose={be} />
        </Tabs.Panel>
      </Tabs>
    </Modal>
  );
}
