import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { Personas, Questions, ShopperMade } from "../../api/schema";

/** Real shoppers of a shop, unlike each other. */
export function usePersonas(shop: string, count = 12): UseQueryResult<Personas> {
  return useQuery({
    queryKey: ["personas", shop, count],
    queryFn: () => unwrap(api.GET("/shop/api/personas", { params: { query: { shop, count } } })),
    staleTime: 300_000,
  });
}

/** What shoppers of a shop are asked. */
export function useQuestions(shop: string): UseQueryResult<Questions> {
  return useQuery({
    queryKey: ["questions", shop],
    queryFn: () => unwrap(api.GET("/shop/api/questions", { params: { query: { shop } } })),
    staleTime: 300_000,
  });
}

/** Be somebody new, by products and answers. */
export function makeShopper(
  shop: string,
  items: string[],
  answers: Record<string, string[]>,
): Promise<ShopperMade> {
  return unwrap(api.POST("/shop/api/shoppers", { body: { shop, user: "", items, answers } }));
}
