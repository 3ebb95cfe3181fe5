import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { EvaluateAsk, PublishAsk, TrainAsk } from "../../api/schema";
import { hasEnded } from "../data/queries";

const query = (shop: string) => ({ params: { query: { shop } } });

export function useModels(shop: string) {
  return useQuery({
    queryKey: ["models", shop],
    queryFn: () => unwrap(api.GET("/console/api/models", query(shop))),
    refetchInterval: (found) => (found.state.data?.training.some((each) => !hasEnded(each.status)) ? 500 : 10_000),
    enabled: Boolean(shop),
  });
}

export function useCard(shop: string, id: string) {
  return useQuery({
    queryKey: ["models", shop, "card", id],
    queryFn: () => unwrap(api.GET("/console/api/models/{id}", { params: { path: { id }, query: { shop } } })),
    enabled: Boolean(shop && id),
  });
}

/** Where the page is that tells how a version's recipe was chosen. */
export const choiceAt = (shop: string, id: string): string =>
  `/console/api/models/${encodeURIComponent(id)}/choice?${new URLSearchParams({ shop })}`;

export function useRecipes(shop: string) {
  return useQuery({
    queryKey: ["recipes", shop],
    queryFn: () => unwrap(api.GET("/console/api/recipes", query(shop))),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: Boolean(shop),
  });
}

export function useCampaigns(shop: string) {
  return useQuery({
    queryKey: ["campaigns", shop],
    queryFn: () => unwrap(api.GET("/console/api/campaigns", query(shop))),
    enabled: Boolean(shop),
  });
}

export function useEvaluations(shop: string) {
  return useQuery({
    queryKey: ["evaluations", shop],
    queryFn: () => unwrap(api.GET("/console/api/evaluations", query(shop))),
    refetchInterval: (found) => (found.state.data?.evaluations.some((each) => !hasEnded(each.status)) ? 600 : false),
    enabled: Boolean(shop),
  });
}

/** A change after which what is listed is asked for again. */
function useChange<Asked, Answer>(shop: string, keys: string[], change: (asked: Asked) => Promise<Answer>) {
  const known = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => Promise.all(keys.map((key) => known.invalidateQueries({ queryKey: [key, shop] }))),
  });
}

export const useTrain = (shop: string) =>
  useChange(shop, ["models"], (body: TrainAsk) => unwrap(api.POST("/console/api/models", { body })));

export const useCompare = (shop: string) =>
  useChange(shop, ["evaluations"], (body: EvaluateAsk) => unwrap(api.POST("/console/api/evaluations", { body })));

export const usePublish = (shop: string) =>
  useChange(shop, ["campaigns", "models"], (body: PublishAsk) => unwrap(api.POST("/console/api/campaigns", { body })));

export const useRollback = (shop: string) =>
  useChange(shop, ["campaigns", "models"], (campaign: string) =>
    unwrap(api.POST("/console/api/campaigns/rollback", { body: { shop, campaign } })),
  );
