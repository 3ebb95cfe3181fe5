import type { SeenItem } from "../../api/schema";
import type { Pictured } from "../../ui/Picture";

const STAGES: Record<string, string> = {
  catalogue: "in the catalogue",
  filter: "out by the filter",
  "looked-at": "being looked at",
  bought: "bought already",
  seen: "in the history",
  done: "done with already",
  "not-offered": "not to be offered",
  "not-due": "not due again yet",
  "sold-out": "out of stock",
  rules: "against the model's rules",
  allowed: "may be shown",
  scored: "have a score",
  candidates: "candidates",
  ranked: "ranked",
  shown: "shown",
};

const STEPS: Record<string, string> = {
  retrieve: "Retrieved",
  rank: "List ordered",
  rerank: "Ranked",
  place: "New items placed",
  diversify: "Diversity",
  cap: "Category cap",
  explore: "Exploration",
  promote: "Promotions",
};

const PARTS: Record<string, string> = {
  scale: "Scale",
  influence: "Popularity and freshness",
  aversion: "What the shopper refused",
  repeat: "Own purchases",
  together: "Goes with the history",
  next: "What others took up next",
  graph: "Graph filter",
  arrivals: "What is taken up lately",
  popularity: "Popularity",
  taste: "Taste",
  personal: "The model",
  general: "The model, alike for all",
  similar: "Related to the item",
  segment: "Sells to such shoppers",
  explored: "Exploration",
  alike: "New, like what stands here",
};

const VERDICTS: Record<string, string> = {
  shown: "It is shown",
  outranked: "Others score higher",
  unscored: "The version says nothing of it",
  unlearned: "Newer than the version",
  unlisted: "No longer in the catalogue",
  unknown: "No such item",
  filter: "Taken out by the filter",
  bought: "Taken out: bought",
  seen: "Taken out: in the history",
  done: "Taken out by the recipe",
  "sold-out": "Taken out: out of stock",
  "not-due": "Taken out: not due yet",
  rules: "Taken out by the model's rules",
  "looked-at": "It is the item looked at",
  aversion: "Held down by refusals",
  influence: "Held down by the campaign's influences",
  rank: "Behind others of the list",
  rerank: "The ranker put it down",
  place: "New items came before it",
  diversify: "Diversity put it down",
  cap: "The category cap put it back",
  explore: "Exploration took its place",
  promote: "A promotion took its place",
  "not-given": "Not in the list",
  "not-offered": "Not to be offered",
};

const plain = (name: string) => name.replaceAll(/[_-]+/g, " ");

export const stageName = (name: string): string => STAGES[name] ?? plain(name);
export const stepName = (name: string): string => STEPS[name] ?? plain(name);
export const partName = (name: string): string => PARTS[name] ?? plain(name);
export const verdictName = (name: string): string => VERDICTS[name] ?? plain(name);
export const featureName = plain;

export const count = (value: number): string => value.toLocaleString("en");

/** A probability as people read it. */
export function percent(value: number): string {
  return value >= 0.001 ? `${(value * 100).toFixed(1)} %` : `${(value * 100).toPrecision(1)} %`;
}

export function moment(at: number): string {
  // Histories that hold an order instead of times have small numbers.
  if (at < 1e9) return `no. ${at}`;
  const year = new Date(at).getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Date(at).toLocaleString("en-GB", { day: "numeric", month: "short", year, hour: "2-digit", minute: "2-digit" });
}

export const deed = (type: string): string => (type ? plain(type.replaceAll(/([a-z])([A-Z])/g, "$1 $2")).toLowerCase() : "event");

/** What the picture of an item is made of. */
export const pictured = (seen: SeenItem): Pictured => ({ ...seen, id: seen.item });
