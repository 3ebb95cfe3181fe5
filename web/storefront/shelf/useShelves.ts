import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";

import type { Shelf, ShelvesWanted } from "../../api/schema";
import { askShelves } from "../calls";
import { useVisit } from "../visit";

type Page = ShelvesWanted["page"];

interface Wanted {
  page: Page;
  item?: string;
  cart?: string[];
}

/** The shelves of one page view. What was seen stays as it is until `refresh`; what was not seen yet may change. */
export interface ShownShelves {
  shelves: Shelf[] | undefined;
  error: Error | null;
  retry: () => void;
  /** Say that a shelf (by its key) came into view. */
  seen: (key: string) => void;
  /** Whether what the shopper did since has changed shelves that stay as they are. */
  hasNews: boolean;
  refresh: () => void;
}

let views = 0;

/** Ask for the shelves of a page: once when it is opened, again below the fold after each event. */
export function useShelves({ page, item = "", cart = [] }: Wanted): ShownShelves {
  const visit = useVisit();
  const { shop, user, session, moves } = visit;
  const [view, setView] = useState(() => ++views);
  const [shown, setShown] = useState<Shelf[]>();
  const seenKeys = useRef(new Set<string>());
  const begun = useRef(moves);
  const place = JSON.stringify([shop, user, session, page, item]);
  const [at, setAt] = useState(place);
  if (at !== place) {
    setAt(place);
    setView(++views);
    setShown(undefined);
  }

  const query = useQuery({
    queryKey: ["shelves", place, view, moves],
    queryFn: async () => {
      await visit.settled();
      const found = await askShelves({ shop, user, session, page, item, cart });
      return found.shelves;
    },
    staleTime: Infinity,
    gcTime: 10_000,
  });

  useEffect(() => {
    seenKeys.current = new Set();
    begun.current = moves;
    // Only a new view begins anew: `moves` of the moment is what it begins with.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [view]);

  const { data } = query;
  useEffect(() => {
    if (data) setShown((before) => (before ? kept(before, data, seenKeys.current) : data));
  }, [data]);

  const seen = useCallback((key: string) => void seenKeys.current.add(key), []);
  const refresh = useCallback(() => {
    setShown(undefined);
    setView(++views);
  }, []);
  const hasNews = !!shown && !!data && moves > begun.current && JSON.stringify(ids(shown)) !== JSON.stringify(ids(data));
  return { shelves: shown, error: query.error, retry: () => void query.refetch(), seen, hasNews, refresh };
}

function kept(before: Shelf[], now: Shelf[], seen: ReadonlySet<string>): Shelf[] {
  const fresh = new Map(now.map((shelf) => [shelf.key, shelf]));
  return before.map((shelf) => (seen.has(shelf.key) ? shelf : (fresh.get(shelf.key) ?? shelf)));
}

function ids(shelves: Shelf[]): string[][] {
  return shelves.map((shelf) => [shelf.key, ...(shelf.items ?? []).map((each) => each.card.item)]);
}
