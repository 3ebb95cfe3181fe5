import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { api, ApiError, unwrap } from "../api/client";
import type { Card, ShopFront, ShopList } from "../api/schema";
import { askCards, askFront } from "./calls";
import { useVisit } from "./visit";

/** Every shop of this server. */
export function useShops(): UseQueryResult<ShopList> {
  return useQuery({ queryKey: ["shops"], queryFn: () => unwrap(api.GET("/shop/api/shops")) });
}

/** What every page of the visited shop needs. */
export function useFront(): UseQueryResult<ShopFront> {
  const { shop } = useVisit();
  return useQuery({
    queryKey: ["front", shop],
    queryFn: () => askFront(shop),
    staleTime: 300_000,
    // A shop that is being loaded, or has nothing published yet, opens by itself.
    refetchInterval: (query) => (isComing(query.state.error) ? 1_500 : false),
  });
}

/** Whether a refusal says that the shop only is not there yet. */
export function isComing(error: Error | null): boolean {
  return error instanceof ApiError && [409, 503].includes(error.status);
}

/** Products by id; `data` holds those that the shop has. */
export function useCards(items: string[]): UseQueryResult<Map<string, Card>> {
  const { shop } = useVisit();
  return useQuery({
    queryKey: ["cards", shop, items],
    queryFn: async () => new Map((await askCards({ shop, items })).cards.map((card) => [card.item, card])),
    enabled: items.length > 0,
    placeholderData: (before: Map<string, Card> | undefined) => before,
    staleTime: 60_000,
  });
}
