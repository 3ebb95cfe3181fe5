import { Stack, Tabs, Text, Title } from "@mantine/core";
import { IconArrowsExchange, IconBarbell, IconBroadcast, IconVersions } from "@tabler/icons-react";

import { EmptyState } from "../../ui/EmptyState";
import { useAddress, useShop } from "../where";
import { Compare } from "./Compare";
import { Serving } from "./Serving";
import { Train } from "./Train";
import { Versions } from "./Versions";

const PARTS = [
  { name: "versions", title: "Versions", icon: IconVersions, part: Versions },
  { name: "train", title: "Train", icon: IconBarbell, part: Train },
  { name: "compare", title: "Compare", icon: IconArrowsExchange, part: Compare },
  { name: "serving", title: "Serving", icon: IconBroadcast, part: Serving },
] as const;

/** A shop's models: train them, judge them, let them serve, take them back. */
export default function Models() {
  const [address, change] = useAddress();
  const shop = useShop();
  const part = PARTS.find(({ name }) => name === address.get("tab")) ?? PARTS[0];
  return (
    <Stack gap="md" maw={1280} mx="auto">
      <div>
        <Title order={1}>Models</Title>
        <Text c="var(--quiet)" size="sm">
          What was trained on which data, how good it is and for whom, and who gets it.
        </Text>
      </div>
      {!shop ? (
        <EmptyState title="There is no shop yet" command="endcap import FILE --shop NAME">
          Import what shoppers did first: the Data screen takes any file.
        </EmptyState>
      ) : (
        <Tabs value={part.name} onChange={(name) => change({ tab: name === "versions" ? null : name })} keepMounted={false}>
          <Tabs.List mb="md" aria-label="Parts of the models screen">
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
      )}
    </Stack>
  );
}
