import { Stack, Tabs, Text, Title } from "@mantine/core";
import type { ComponentType, ReactNode } from "react";

import { useAddress } from "./where";

export interface Part {
  name: string;
  title: string;
  icon: ComponentType<{ size?: number; "aria-hidden"?: boolean }>;
  part: ComponentType<{ shop: string }>;
}

interface Props {
  title: string;
  about: string;
  /** In their order; the first is shown where the address names none. */
  parts: readonly Part[];
  shop: string;
  /** What stands instead of the parts. */
  instead?: ReactNode;
}

/** A screen in parts, one at a time, named by the address. */
export function Parts({ title, about, parts, shop, instead }: Props) {
  const [address, change] = useAddress();
  const first = parts[0]?.name ?? "";
  const open = parts.find(({ name }) => name === address.get("tab"))?.name ?? first;
  return (
    <Stack gap="md" maw={1280} mx="auto">
      <div>
        <Title order={1}>{title}</Title>
        <Text c="var(--quiet)" size="sm">
          {about}
        </Text>
      </div>
      {instead ?? (
        <Tabs value={open} onChange={(name) => change({ tab: name === first ? null : name })} keepMounted={false}>
          <Tabs.List mb="md" aria-label={`Parts of the ${title.toLowerCase()} screen`}>
            {parts.map(({ name, title: label, icon: Icon }) => (
              <Tabs.Tab key={name} value={name} leftSection={<Icon size={16} aria-hidden />}>
                {label}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {parts.map(({ name, part: Body }) => (
            <Tabs.Panel key={name} value={name}>
              <Body key={shop} shop={shop} />
            </Tabs.Panel>
          ))}
        </Tabs>
      )}
    </Stack>
  );
}
