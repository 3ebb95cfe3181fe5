import { Skeleton, Stack, Text, Title } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { Affinity } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { counted, named } from "../named";
import { useVisit } from "../visit";
import css from "./Stage.module.css";

/** What the shopper is drawn to, moving with each click. */
export function Tastes() {
  const visit = useVisit();
  const { shop, user, session, moves } = visit;
  const { data, error, refetch } = useQuery({
    queryKey: ["affinities", shop, user, session, moves],
    queryFn: async () => {
      await visit.settled();
      return unwrap(api.GET("/shop/api/affinities", { params: { query: { shop, user, session } } }));
    },
    placeholderData: keepPreviousData,
  });
  if (error) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton h={300} />;
  if (!data.categories.length) {
    return <EmptyState title="Nothing is known of tastes yet">Open a product, and watch them appear.</EmptyState>;
  }
  const url = `${window.location.origin}/shop/api/affinities?${new URLSearchParams({ shop, user, session }).toString()}`;
  return (
    <Stack gap="md" data-affinities>
      <Text size="sm" c="var(--quiet)">
        {counted(data.eventsBefore, "event")} before this visit, {data.eventsVisit} in it.
        {data.eventsBefore > 0 &&
          " The dark mark is where it stood before; all of the past counts as much as five views now."}
      </Text>
      <Bars title="Categories" rows={data.categories} hasPast={data.eventsBefore > 0} />
      {data.brands.length > 0 && <Bars title="Brands" rows={data.brands} hasPast={data.eventsBefore > 0} />}
      <SameIn same={{ api: `curl -s '${url}'` }} />
    </Stack>
  );
}

function Bars({ title, rows, hasPast }: { title: string; rows: Affinity[]; hasPast: boolean }) {
  return (
    <section>
      <Title order={3} size="h5" mb={6}>
        {title}
      </Title>
      <ul className={css.list}>
        {rows.map((row) => (
          <li key={row.name} data-affinity={row.name}>
            <div className={css.line}>
              <Text size="sm">{named(row.name)}</Text>
              <Text size="xs" c="var(--quiet)">
                {percent(row.now)} {hasPast && <Moved by={row.now - row.before} />}
              </Text>
            </div>
            <div className={css.bar} aria-hidden>
              <span className={css.fill} style={{ width: percent(row.now) }} />
              {hasPast && <span className={css.mark} style={{ left: `calc(${percent(row.before)} - 1px)` }} />}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Moved({ by }: { by: number }) {
  if (Math.abs(by) < 0.005) return null;
  return (
    <Text span size="xs" fw={650} c={by > 0 ? "var(--mantine-primary-color-light-color)" : "var(--quiet)"}>
      {by > 0 ? "▲" : "▼"} {percent(Math.abs(by))}
    </Text>
  );
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`.replace(" ", "");
}
