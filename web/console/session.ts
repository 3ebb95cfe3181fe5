import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, repeatWord, unwrap } from "../api/client";
import type { SessionState } from "../api/schema";

const KEY = ["session"];

function kept(state: SessionState): SessionState {
  repeatWord(state.csrf ?? "");
  return state;
}

/** Who is signed in. */
export function useSession() {
  return useQuery({
    queryKey: KEY,
    queryFn: async () => kept(await unwrap(api.GET("/console/api/session"))),
    staleTime: 60_000,
  });
}

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (token: string) => kept(await unwrap(api.POST("/console/api/session", { body: { token } }))),
    onSuccess: (state) => queries.setQueryData(KEY, state),
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => kept(await unwrap(api.DELETE("/console/api/session"))),
    onSuccess: (state) => {
      queries.setQueryData(KEY, state);
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== KEY[0] });
    },
  });
}
