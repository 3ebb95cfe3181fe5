import { useMemo } from "react";

import { useVisit } from "./visit";

/** Addresses of the shop's pages, for the shopper who is visiting. */
export interface Links {
  home: string;
  cart: string;
  checkout: string;
  category(...path: string[]): string;
  search(words: string): string;
  product(item: string): string;
  order(id: string): string;
  account(tab?: string): string;
}

/** Addresses within one shop; `user` empty for somebody anonymous. */
export function linksOf(shop: string, user: string): Links {
  const base = `/shop/${encodeURIComponent(shop)}`;
  const to = (path: string, query: Record<string, string> = {}): string => {
    const all = new URLSearchParams({ ...query, ...(user && { as: user }) }).toString();
    return `${base}${path}${all && `?${all}`}`;
  };
  return {
    home: to(""),
    cart: to("/cart"),
    checkout: to("/checkout"),
    category: (...path) => to(`/c/${path.map(encodeURIComponent).join("/")}`),
    search: (words) => to("/search", { q: words }),
    product: (item) => to(`/p/${encodeURIComponent(item)}`),
    order: (id) => to(`/order/${encodeURIComponent(id)}`),
    account: (tab) => to("/account", tab ? { tab } : {}),
  };
}

export function useLinks(): Links {
  const { shop, user } = useVisit();
  return useMemo(() => linksOf(shop, user), [shop, user]);
}
