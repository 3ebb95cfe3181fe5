import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { InspectAsked } from "../../api/schema";
import { useAddress, useShop } from "../where";

/** What is inspected, by the address. */
export interface Subject {
  shop: string;
  user: string;
  campaign: string;
  version: string;
  /** A second version beside the first. */
  against: string;
  /** The item that the campaign is asked about. */
  about: string;
  /** As of this moment, milliseconds; 0 is now. */
  at: number;
  filter: string;
  /** Events of the history that are left out. */
  without: number[];
  /** The item that is explained. */
  item: string;
  /** The item that is missed. */
  missing: string;
}

export type Change = (changed: Partial<Record<keyof Subject, string | number | number[] | null>>) => void;

const NAMES: Record<keyof Subject, string> = {
  shop: "shop",
  user: "user",
  campaign: "campaign",
  version: "version",
  against: "against",
  about: "about",
  at: "asof",
  filter: "filter",
  without: "without",
  item: "item",
  missing: "missing",
};

export function useSubject(): [Subject, Change] {
  const [address, change] = useAddress();
  const text = (name: keyof Subject) => address.get(NAMES[name]) ?? "";
  const at = Date.parse(text("at"));
  const subject: Subject = {
    shop: useShop(),
    user: text("user"),
    campaign: text("campaign"),
    version: text("version"),
    against: text("against"),
    about: text("about"),
    at: Number.isNaN(at) ? 0 : at,
    filter: text("filter"),
    without: text("without").split(",").filter(Boolean).map(Number).filter(Number.isInteger),
    item: text("item"),
    missing: text("missing"),
  };
  const put: Change = (changed) => {
    const values: Record<string, string | null> = {};
    for (const [name, value] of Object.entries(changed)) values[NAMES[name as keyof Subject]] = written(name, value);
    change(values);
  };
  return [subject, put];
}

function written(name: string, value: string | number | number[] | null): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) return value.join(",") || null;
  if (name === "at") return value ? new Date(value).toISOString() : null;
  return String(value) || null;
}

/** What the server is asked for a subject; `version` may be the other one, `without` fewer events. */
export function asked(subject: Subject, changed: Partial<Required<InspectAsked>> = {}): Required<InspectAsked> {
  const { shop, user, campaign, version, about, at, filter, without } = subject;
  const plain = { filterValues: {}, excludePurchased: false, context: {}, checks: 20, k: 12 };
  return { shop, user, campaign, version, about, at, filter, without, ...plain, ...changed };
}

export function useInspectable(shop: string) {
  return useQuery({
    queryKey: ["inspectable", shop],
    queryFn: () => unwrap(api.GET("/console/api/inspector", { params: { query: { shop } } })),
    staleTime: 30_000,
    enabled: Boolean(shop),
  });
}

export function useInspected(body: Required<InspectAsked>, isOn = true) {
  return useQuery({
    queryKey: ["inspected", body],
    queryFn: () => unwrap(api.POST("/console/api/inspector/inspect", { body })),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    enabled: isOn && Boolean(body.shop),
  });
}

export function useWhyNot(subject: Subject) {
  const { checks: _, ...same } = asked(subject);
  const body = { ...same, item: subject.missing };
  return useQuery({
    queryKey: ["why-not", body],
    queryFn: () => unwrap(api.POST("/console/api/inspector/why-not", { body })),
    staleTime: 60_000,
    enabled: Boolean(subject.shop && subject.missing),
  });
}

export function useShoppers(shop: string, q: string) {
  return useQuery({
    queryKey: ["shoppers", shop, q],
    queryFn: () => unwrap(api.GET("/console/api/inspector/shoppers", { params: { query: { shop, q } } })),
    placeholderData: keepPreviousData,
    enabled: Boolean(shop),
  });
}

export function useItems(shop: string, q: string) {
  return useQuery({
    queryKey: ["items-found", shop, q],
    queryFn: () => unwrap(api.GET("/console/api/inspector/items", { params: { query: { shop, q } } })),
    placeholderData: keepPreviousData,
    enabled: Boolean(shop && q),
  });
}

export function useFilterCheck(subject: Subject, filter: string) {
  const { shop, user, campaign, version, about } = subject;
  const body = { shop, user, campaign, version, item: about, filter, filterValues: {} };
  return useQuery({
    queryKey: ["filter-check", body],
    queryFn: () => unwrap(api.POST("/console/api/inspector/filter", { body })),
    placeholderData: keepPreviousData,
    enabled: Boolean(shop && filter.trim()),
  });
}
