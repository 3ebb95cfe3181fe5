import { useCallback } from "react";
import { useLocation, useSearch } from "wouter";

/** The values in the address: what a screen shows can be linked to. */
export function useAddress(): [URLSearchParams, (values: Record<string, string | null>, replace?: boolean) => void] {
  const search = useSearch();
  const [path, go] = useLocation();
  const values = new URLSearchParams(search);
  const change = useCallback(
    (changed: Record<string, string | null>, replace = false) => {
      const next = new URLSearchParams(search);
      for (const [name, value] of Object.entries(changed)) {
        if (value === null || value === "") next.delete(name);
        else next.set(name, value);
      }
      go(`${path}?${next.toString()}`, { replace });
    },
    [search, path, go],
  );
  return [values, change];
}

/** The shop that the screen is about, by the address; empty where none is named yet. */
export function useShop(): string {
  return useAddress()[0].get("shop") ?? "";
}

/** A screen's address with the shop kept. */
export function screen(name: string, shop: string): string {
  return shop ? `/console/${name}?shop=${encodeURIComponent(shop)}` : `/console/${name}`;
}
