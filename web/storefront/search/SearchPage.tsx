import { Group, Stack, Switch, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { askSearch } from "../calls";
import { AnsweredBy } from "../list/AnsweredBy";
import { ProductList } from "../list/ProductList";
import classes from "../list/ProductList.module.css";
import { useQueryValue } from "../place";
import { useVisit } from "../visit";

/** What matches the words that were searched for, in the shopper's own order or in everybody's. */
export default function SearchPage() {
  const visit = useVisit();
  const { shop, user, session } = visit;
  const [words] = useQueryValue("q");
  const [order, setOrder] = useQueryValue("order", "mine");
  const isPersonal = order === "mine";
  const told = useRef("");
  useEffect(() => {
    document.title = `${words || "Search"} · Endcap`;
    if (!words || told.current === words) return;
    told.current = words;
    visit.tell({ event_type: "Search", search_query: words }).catch(() => undefined);
  }, [words, visit]);

  const query = useInfiniteQuery({
    queryKey: ["search", shop, user, session, words, isPersonal],
    queryFn: async ({ pageParam }) => {
      await visit.settled();
      return askSearch({ shop, q: words, user, session, personal: isPersonal, ...pageParam });
    },
    initialPageParam: { page: 0, order: "" },
    getNextPageParam: (listing) =>
      listing.page + 1 < listing.pages ? { page: listing.page + 1, order: listing.order } : undefined,
    staleTime: 0,
    gcTime: 0,
  });
  const first = query.data?.pages[0];
  const items = query.data?.pages.flatMap((listing) => listing.items);
  return (
    <Stack>
      <div className={classes.bar}>
        <Title order={1} style={{ overflowWrap: "anywhere" }}>
          {words ? `“${words}”` : "Search"}
        </Title>
        <Group gap="lg">
          <Text size="sm" c="var(--quiet)" role="status">
            {first ? `${first.total.toLocaleString("en-GB")} found` : "\u00a0"}
          </Text>
          <Switch
            label="In my order"
            checked={isPersonal}
            onChange={(event) => setOrder(event.currentTarget.checked ? "mine" : "everybody")}
          />
        </Group>
      </div>
      <AnsweredBy answered={first?.answered} missing={first?.missing} />
      {query.error && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      {first && !first.total && !first.missing ? (
        <EmptyState title={words ? "Nothing matches these words" : "What are you looking for?"}>
          {words ? "Try fewer or other words: a product, a brand, a category." : "Type it above and press enter."}
        </EmptyState>
      ) : (
        (!query.error || items) &&
        !first?.missing && (
          <ProductList
            items={items}
            total={first?.total ?? 0}
            from={first?.answered?.recommendationId}
            name="search"
            hasMore={query.hasNextPage}
            isLoadingMore={query.isFetchingNextPage}
            onMore={() => void query.fetchNextPage()}
          />
        )
      )}
    </Stack>
  );
}
