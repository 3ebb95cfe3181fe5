import { Button, Menu, ScrollArea, Text } from "@mantine/core";
import { IconCategory, IconChevronDown } from "@tabler/icons-react";
import { Link } from "wouter";

import { useFront } from "../front";
import { useLinks } from "../links";
import { named } from "../named";

/** All aisles of the shop. */
export function AisleMenu() {
  const links = useLinks();
  const aisles = useFront().data?.aisles ?? [];
  return (
    <Menu position="bottom-start" width={300} shadow="md">
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          px="xs"
          leftSection={<IconCategory size={18} aria-hidden />}
          rightSection={<IconChevronDown size={14} aria-hidden />}
          visibleFrom="sm"
          flex="none"
        >
          Aisles
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <ScrollArea.Autosize mah="70vh">
          {aisles.map((aisle) => (
            <Menu.Item
              key={aisle.name}
              component={Link}
              href={links.category(aisle.name)}
              rightSection={
                <Text size="xs" c="var(--quiet)">
                  {aisle.items.toLocaleString("en-GB")}
                </Text>
              }
            >
              {named(aisle.name)}
            </Menu.Item>
          ))}
        </ScrollArea.Autosize>
      </Menu.Dropdown>
    </Menu>
  );
}
