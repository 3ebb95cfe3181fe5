import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { RunsAsked } from "../../api/schema";

export function useRuns(asked: RunsAsked) {
  return useQuery({
    queryKey: ["runs", asked],
    queryFn: () => unwrap(api.GET("/console/api/runs", { params: { query: asked } })),
    placeholderData: keepPreviousData,
    refetchInterval: (found) => ((found.state.data?.open ?? 0) > 0 ? 1000 : 5000),
  });
}

export function useRun(id: string) {
  return useQuery({
    queryKey: ["run", id],
    queryFn: () => unwrap(api.GET("/console/api/runs/{id}", { params: { path: { id } } })),
    refetchInterval: (found) => (found.state.data?.run.ended ? false : 1000),
    enabled: Boolean(id),
  });
}

export function useRunAction(id: string, action: "stop" | "retry") {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      action === "stop"
        ? unwrap(api.POST("/console/api/runs/{id}/stop", { params: { path: { id } }, body: {} }))
        : unwrap(api.POST("/console/api/runs/{id}/retry", { params: { path: { id } }, body: {} })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["runs"] });
      void queries.invalidateQueries({ queryKey: ["run"] });
    },
  });
}
