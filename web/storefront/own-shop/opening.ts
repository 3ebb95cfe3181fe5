import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { api, unwrap, upload } from "../../api/client";
import type { OwnShop } from "../../api/schema";

const EVERY = 500;
const ENDED = ["open", "failed", "stopped"];

/** A shop that was opened from a file; asked again while it is on its way. */
export function useOwnShop(shop: string): UseQueryResult<OwnShop> {
  return useQuery({
    queryKey: ["own-shop", shop],
    queryFn: () => unwrap(api.GET("/shop/api/own-shops/{shop}", { params: { path: { shop } } })),
    enabled: !!shop,
    refetchInterval: (query) => {
      const found = query.state.data;
      return found && !ENDED.includes(found.stage) && !(found.stage === "serve" && found.error) ? EVERY : false;
    },
    staleTime: 0,
  });
}

export interface Asked {
  name: string;
  file: File;
  dialect: string;
  kind: string;
}

/** Send a file, and ask for a shop of it. */
export function openOwnShop({ name, file, dialect, kind }: Asked, onProgress: (share: number) => void): Promise<OwnShop> {
  const query = new URLSearchParams({ name, file: file.name, ...(dialect && { dialect }), ...(kind && { kind }) });
  return upload<OwnShop>(`/shop/api/own-shops?${query.toString()}`, file, "application/octet-stream", onProgress);
}

/** Let a shop learn from what has happened in it. */
export function learnAgain(shop: string): Promise<OwnShop> {
  return unwrap(api.POST("/shop/api/own-shops/{shop}", { params: { path: { shop } }, body: {} }));
}

/** A name that a shop may have, from a file's. */
export function nameOf(file: string): string {
  const plain = file.replace(/(\.\w+)+$/, "").toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/^-+|-+$/g, "");
  return plain.slice(0, 40) || "my-shop";
}
