import { Stack, Tabs, Text, Title } from "@mantine/core";
import { IconActivity, IconFileImport, IconListDetails, IconStethoscope, IconTable, IconTargetArrow } from "@tabler/icons-react";

import { useAddress, useShop } from "../where";
import { Arriving } from "./Arriving";
import { Browse } from "./Browse";
import { Health } from "./Health";
import { Importing } from "./Importing";
import { Overview } from "./Overview";
import { Readiness } from "./Readiness";

const PARTS = [
  { name: "overview", title: "Overview", icon: IconListDetails, part: Overview },
  { name: "import", title: "Import", icon: IconFileImport, part: Importing },
  { name: "health", title: "Health", icon: IconStethoscope, part: Health },
  { name: "readiness", title: "Readiness", icon: IconTargetArrow, part: Readiness },
  { name: "rows", title: "Rows", icon: IconTable, part: Browse },
  { name: "live", title: "Live events", icon: IconActivity, part: Arriving },
] as const;

/** A shop's data: what there is, how it comes in, what is odd about it, and what it is enough for. */
export default function Data() {
  const [address, change] = useAddress();
  const shop = useShop();
  const part = PARTS.find(({ name }) => name === address.get("tab")) ?? PARTS[0];
  const go = (name: string | null) => change({ tab: name === "overview" ? null : name });
  return (
    <Stack gap="md" maw={1280} mx="auto">
      <div>
        <Title order={1}>Data</Title>
        <Text c="var(--quiet)" size="sm">
          What recommendations are learned from: bring it in, see what is odd about it and what that does.
        </Text>
      </div>
      <Tabs value={part.name} onChange={go} keepMounted={false}>
        <Tabs.List mb="md" aria-label="Parts of the data screen">
          {PARTS.map(({ name, title, icon: Icon }) => (
            <Tabs.Tab key={name} value={name} leftSection={<Icon size={16} aria-hidden />}>
              {title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {PARTS.map(({ name, part: Part }) => (
          <Tabs.Panel key={name} value={name}>
            <Part key={shop} shop={shop} />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}
