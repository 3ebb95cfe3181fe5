import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, unwrap, upload } from "../../api/client";
import type { ImportAsk, ImportState, PreviewAsk, RowsAsk, UploadLine } from "../../api/schema";

const query = (shop: string) => ({ params: { query: { shop } } });
const ENDED = ["done", "failed", "stopped"];

export const hasEnded = (status: string): boolean => ENDED.includes(status);

export function useData(shop: string) {
  return useQuery({
    queryKey: ["data", shop],
    queryFn: () => unwrap(api.GET("/console/api/data", query(shop))),
    refetchInterval: 10_000,
    enabled: Boolean(shop),
  });
}

export function useHistory(shop: string, kind: string) {
  const asked = { params: { query: { shop, kind: kind as "interactions" } } };
  return useQuery({
    queryKey: ["data", shop, "history", kind],
    queryFn: () => unwrap(api.GET("/console/api/data/history", asked)),
    enabled: Boolean(shop && kind),
  });
}

export function useHealth(shop: string) {
  return useQuery({
    queryKey: ["data", shop, "health"],
    queryFn: () => unwrap(api.GET("/console/api/data/health", query(shop))),
    refetchInterval: (found) => (found.state.data?.checking ? 800 : false),
    enabled: Boolean(shop),
  });
}

export function useReadiness(shop: string) {
  return useQuery({
    queryKey: ["data", shop, "readiness"],
    queryFn: () => unwrap(api.GET("/console/api/data/readiness", query(shop))),
    refetchInterval: (found) => (found.state.data?.checking ? 800 : false),
    enabled: Boolean(shop),
  });
}

export function useRows(asked: RowsAsk) {
  return useQuery({
    queryKey: ["data", asked.shop, "rows", asked],
    queryFn: () => unwrap(api.GET("/console/api/data/rows", { params: { query: asked } })),
    placeholderData: keepPreviousData,
    refetchInterval: (found) => (found.state.data?.preparing ? 700 : false),
    enabled: Boolean(asked.shop),
  });
}

export function useUploads(shop: string) {
  return useQuery({
    queryKey: ["uploads", shop],
    queryFn: () => unwrap(api.GET("/console/api/uploads", query(shop))),
    enabled: Boolean(shop),
  });
}

export function sendFile(shop: string, file: File, onProgress: (share: number) => void): Promise<UploadLine> {
  const asked = new URLSearchParams({ shop, name: file.name });
  return upload<UploadLine>(`/console/api/uploads?${asked}`, file, "application/octet-stream", onProgress);
}

export function usePreview(asked: PreviewAsk) {
  return useQuery({
    queryKey: ["preview", asked],
    queryFn: () => unwrap(api.POST("/console/api/imports/preview", { body: asked })),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    enabled: asked.uploads.length > 0 && Boolean(asked.shop),
  });
}

export function useStart() {
  const known = useQueryClient();
  return useMutation({
    mutationFn: (asked: ImportAsk) => unwrap(api.POST("/console/api/imports", { body: asked })),
    onSuccess: (made: ImportState, asked) => known.setQueryData(["imports", asked.shop, made.id], made),
  });
}

export function useImport(shop: string, id: string) {
  const known = useQueryClient();
  return useQuery({
    queryKey: ["imports", shop, id],
    queryFn: async () => {
      const path = { id };
      const found = await unwrap(api.GET("/console/api/imports/{id}", { params: { path, query: { shop } } }));
      if (hasEnded(found.status) && !found.dryRun) {
        void known.invalidateQueries({ queryKey: ["data", shop] });
        void known.invalidateQueries({ queryKey: ["shops"] });
      }
      return found;
    },
    refetchInterval: (found) => (found.state.data && hasEnded(found.state.data.status) ? false : 400),
    enabled: Boolean(shop && id),
  });
}

export function useImports(shop: string) {
  return useQuery({
    queryKey: ["imports", shop],
    queryFn: () => unwrap(api.GET("/console/api/imports", query(shop))),
    enabled: Boolean(shop),
  });
}

export function useArrivals(shop: string, after: string, isOn: boolean) {
  return useQuery({
    queryKey: ["arrivals", shop, after],
    queryFn: () => unwrap(api.GET("/console/api/data/arrivals", { params: { query: { shop, after } } })),
    refetchInterval: isOn ? 1_500 : false,
    enabled: Boolean(shop),
  });
}

export const rejectsAt = (shop: string, id: string): string =>
  `/console/api/imports/${encodeURIComponent(id)}/rejects?${new URLSearchParams({ shop })}`;
