import { ActionIcon, Menu, Text } from "@mantine/core";
import { IconLogout, IconUser } from "@tabler/icons-react";

import type { SessionState } from "../api/schema";
import { useSignOut } from "./session";

/** Who is signed in, and the way out. */
export function Account({ session }: { session: SessionState }) {
  const signOut = useSignOut();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon aria-label="Account" size="lg" color="gray">
          <IconUser size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          Key {session.key} · {session.role}
        </Menu.Label>
        <Menu.Label>
          <Text size="xs">Endcap {session.version}</Text>
        </Menu.Label>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => signOut.mutate()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
