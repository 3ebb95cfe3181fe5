import { Anchor, Breadcrumbs, Group, Select, Stack, Switch, Text, Title } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link } from "wouter";

import type { CategoryAsked } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import type { PageProps } from "../App";
import { askCategory } from "../calls";
import { useLinks } from "../links";
import { ProductList } from "../list/ProductList";
import classes from "../list/ProductList.module.css";
import { AnsweredBy } from "../list/AnsweredBy";
import { named } from "../named";
import { useQueryValue } from "../place";
import { useVisit } from "../visit";

type Sort = NonNullable<CategoryAsked["sort"]>;

const SORTS: { value: Sort; label: string }[] = [
  { value: "for-you", label: "For you" },
  { value: "popular", label: "Best selling" },
  { value: "price-up", label: "Price: low to high" },
  { value: "price-down", label: "Price: high to low" },
  { value: "newest", label: "Newest" },
  { value: "name", label: "Name" },
];

/** A category: its products in the shopper's own order, or in another. */
export default function CategoryPage({ parts }: PageProps) {
  const visit = useVisit();
  const links = useLinks();
  const [category = "", sub = "", leaf = ""] = parts;
  const [sorted, setSort] = useQueryValue("sort", "for-you");
  const sort = SORTS.find(({ value }) => value === sorted)?.value ?? "for-you";
  const { shop, user, session } = visit;
  const title = named(parts.at(-1) ?? "");
  useEffect(() => {
    document.title = `${title} · Endcap`;
  }, [title]);

  const query = useInfiniteQuery({
    queryKey: ["category", shop, user, session, parts, sort],
    queryFn: async ({ pageParam }) => {
      await visit.settled();
      return askCategory({ shop, category, sub, leaf, user, session, sort, ...pageParam });
    },
    initialPageParam: { page: 0, order: "" },
    getNextPageParam: ({ listing }) =>
      listing.page + 1 < listing.pages ? { page: listing.page + 1, order: listing.order } : undefined,
    staleTime: 0,
    gcTime: 0,
  });
  const first = query.data?.pages[0];
  const items = query.data?.pages.flatMap(({ listing }) => listing.items);
  const answered = first?.listing.answered;
  return (
    <Stack>
      <Breadcrumbs>
        <Anchor component={Link} href={links.home} size="sm">
          Shop
        </Anchor>
        {parts.slice(0, -1).map((name, place) => (
          <Anchor key={name} component={Link} href={links.category(...parts.slice(0, place + 1))} size="sm">
            {named(name)}
          </Anchor>
        ))}
        <Text size="sm" aria-current="page">
          {title}
        </Text>
      </Breadcrumbs>
      <div className={classes.bar}>
        <Title order={1}>{title}</Title>
        <Group gap="lg">
          <Switch
            label="In my order"
            checked={sort === "for-you"}
            onChange={(event) => setSort(event.currentTarget.checked ? "for-you" : "popular")}
          />
          <Select
            data={SORTS}
            value={sort}
            onChange={(value) => setSort(value ?? "for-you")}
            aria-label="Order"
            allowDeselect={false}
            w={190}
          />
        </Group>
      </div>
      <nav className={classes.below} aria-label="Finer categories">
        {first?.below?.map((each) => (
          <Link key={each.name} href={links.category(...parts, each.name)} className={classes.chip}>
            {named(each.name)} <Text span size="xs" c="var(--quiet)">{each.items}</Text>
          </Link>
        ))}
      </nav>
      <AnsweredBy answered={answered} missing={first?.listing.missing} />
      {query.error && <ErrorNote error={query.error} retry={() => void query.refetch()} />}
      {(!query.error || items) && (
        <ProductList
          items={items}
          total={first?.listing.total ?? 0}
          from={answered?.recommendationId}
          name="category"
          hasMore={query.hasNextPage}
          isLoadingMore={query.isFetchingNextPage}
          onMore={() => void query.fetchNextPage()}
        />
      )}
    </Stack>
  );
}
