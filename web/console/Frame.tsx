import { AppShell, Burger, Group, Kbd, NavLink, ScrollArea, Text, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { type ReactNode, useEffect } from "react";
import { Link, useLocation } from "wouter";

import type { SessionState } from "../api/schema";
import { Mark } from "../ui/Mark";
import { SchemeSwitch } from "../ui/SchemeSwitch";
import { Account } from "./Account";
import classes from "./Frame.module.css";
import { openPalette, Palette } from "./Palette";
import { SCREENS } from "./screens";
import { ShopPicker } from "./ShopPicker";
import { screen, useShop } from "./where";

/** What is around every screen: where one is, which shop it is about, and how to get elsewhere. */
export function Frame({ session, children }: { session: SessionState; children: ReactNode }) {
  const [isOpen, { toggle, close }] = useDisclosure();
  const [path] = useLocation();
  const shop = useShop();
  const here = SCREENS.find(({ name }) => path.startsWith(`/console/${name}`));
  useEffect(() => {
    document.title = `${here?.title ?? "Console"} · Endcap`;
  }, [here]);
  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !isOpen } }} padding="md">
      <a className="skip-link" href="#screen">
        Skip to the screen
      </a>
      <AppShell.Header className={classes.header}>
        <Group h="100%" px="md" gap="sm" wrap="nowrap">
          <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Screens" />
          <Mark />
          <ShopPicker />
          <UnstyledButton className={classes.search} onClick={openPalette} visibleFrom="sm">
            <IconSearch size={15} aria-hidden />
            <Text size="sm">Go to …</Text>
            <Kbd size="xs">Ctrl K</Kbd>
          </UnstyledButton>
          <Group gap="xs" ml="auto" wrap="nowrap">
            <SchemeSwitch />
            <Account session={session} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className={classes.navbar} aria-label="Screens">
        <ScrollArea>
            {SCREENS.map(({ name, title, icon: Icon }) => (
              <NavLink
                key={name}
                component={Link}
                href={screen(name, shop)}
                label={title}
                leftSection={<Icon size={18} aria-hidden />}
                active={here?.name === name}
                aria-current={here?.name === name ? "page" : undefined}
                onClick={close}
                className={classes.link}
              />
            ))}
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="screen" tabIndex={-1}>
        {children}
      </AppShell.Main>
      <Palette />
    </AppShell>
  );
}
