import { Group, Text } from "@mantine/core";

import icon from "./icon.svg";

/** The product's name with its sign. */
export function Mark({ title = "Endcap" }: { title?: string }) {
  return (
    <Group gap={8} wrap="nowrap">
      <img src={icon} alt="" width={26} height={26} />
      <Text fw={700} visibleFrom="xs">
        {title}
      </Text>
    </Group>
  );
}
