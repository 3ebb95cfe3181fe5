import { Anchor, Breadcrumbs, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Link } from "wouter";

import { ErrorNote } from "../../ui/ErrorNote";
import type { PageProps } from "../App";
import { askProduct } from "../calls";
import { useLinks } from "../links";
import { named } from "../named";
import { ProductShelves } from "./ProductShelves";
import { ProductTop } from "./ProductTop";
import { useVisit } from "../visit";

/** A product, with what goes with it. Opening it is the click that the shop learns from. */
export default function ProductPage({ parts }: PageProps) {
  const item = parts[0] ?? "";
  const visit = useVisit();
  const links = useLinks();
  const { shop } = visit;
  const { data, error, refetch } = useQuery({
    queryKey: ["product", shop, item],
    queryFn: () => askProduct({ shop, item }),
    staleTime: 60_000,
  });
  const from = cameFrom();
  const told = useRef(false);
  const isThere = data !== undefined; // a stale link makes no view of what the shop does not have
  useEffect(() => {
    if (!isThere || told.current) return;
    told.current = true;
    visit
      .tell({ event_type: "View", item_id: item, ...(from && { recommendation_id: from }) })
      .catch(() => (told.current = false));
  }, [isThere, visit, item, from]);
  useEffect(() => {
    document.title = data ? `${data.card.title} · Endcap` : "Product · Endcap";
  }, [data]);
  if (error) return <ErrorNote error={error} retry={() => void refetch()} />;
  const path = data?.card.categories ?? [];
  return (
    <Stack gap={32}>
      <Stack gap="md">
        {data ? (
          <Breadcrumbs>
            <Anchor component={Link} href={links.home} size="sm">
              Shop
            </Anchor>
            {path.map((name, place) => (
              <Anchor key={`${place}/${name}`} component={Link} href={links.category(...path.slice(0, place + 1))} size="sm">
                {named(name)}
              </Anchor>
            ))}
            {!path.length && <Text size="sm">{data.card.title}</Text>}
          </Breadcrumbs>
        ) : (
          <Skeleton h={20} w={260} />
        )}
        <ProductTop product={data} from={from} />
      </Stack>
      <ProductShelves product={data} item={item} />
    </Stack>
  );
}

/** The recommendation whose product was opened. */
function cameFrom(): string {
  const state: unknown = window.history.state;
  if (typeof state !== "object" || state === null || !("from" in state)) return "";
  return typeof state.from === "string" ? state.from : "";
}
