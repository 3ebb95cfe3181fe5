import { Spotlight, spotlight } from "@mantine/spotlight";
import "@mantine/spotlight/styles.css";
import { IconBuildingStore } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useLocation } from "wouter";

import { api, unwrap } from "../api/client";
import { SCREENS } from "./screens";
import { screen, useShop } from "./where";

export const openPalette = spotlight.open;

/** Every screen and shop, by the keyboard (Ctrl K). */
export function Palette() {
  const [, go] = useLocation();
  const shop = useShop();
  const shops = useQuery({ queryKey: ["shops"], queryFn: () => unwrap(api.GET("/shop/api/shops")) });
  const screens = SCREENS.map(({ name, title, about, icon: Icon }) => ({
    id: name,
    label: title,
    description: about,
    leftSection: <Icon size={18} aria-hidden />,
    onClick: () => go(screen(name, shop)),
  }));
  const others = (shops.data?.shops ?? []).map(({ name, title }) => ({
    id: `shop-${name}`,
    label: `Shop: ${title}`,
    description: "Switch to this shop",
    leftSection: <IconBuildingStore size={18} aria-hidden />,
    onClick: () => go(screen("home", name)),
  }));
  return (
    <Spotlight
      actions={[...screens, ...others]}
      shortcut={["mod + K", "/"]}
      nothingFound="Nothing of that name"
      searchProps={{ placeholder: "Go to …", "aria-label": "Go to" }}
      highlightQuery
    />
  );
}
