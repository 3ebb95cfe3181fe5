import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, unwrap } from "../api/client";
import { useAddress } from "./where";

/** The shop that all screens are about; the first one until another is chosen. */
export function ShopPicker() {
  const [address, change] = useAddress();
  const shops = useQuery({ queryKey: ["shops"], queryFn: () => unwrap(api.GET("/shop/api/shops")), refetchInterval: 30_000 });
  const names = shops.data?.shops.map((shop) => shop.name) ?? [];
  const first = names[0];
  const chosen = address.get("shop");

  useEffect(() => {
    if (!chosen && first) change({ shop: first }, true);
  }, [chosen, first, change]);

  if (shops.data && names.length === 0) return null;
  return (
    <Select
      aria-label="Shop"
      data={shops.data?.shops.map((shop) => ({ value: shop.name, label: shop.title })) ?? []}
      value={chosen ?? null}
      onChange={(value) => value && change({ shop: value })}
      placeholder="Shop"
      size="xs"
      w={190}
      allowDeselect={false}
      searchable={names.length > 8}
    />
  );
}
