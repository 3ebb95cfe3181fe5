import type { Card } from "../../api/schema";
import { useCards } from "../front";
import { total } from "../price";
import { type CartLine, useVisit, type Visit } from "../visit";

export interface ShownLine extends CartLine {
  /** Undefined until it is known. */
  card: Card | undefined;
}

/** What lies in the cart, with what it costs. */
export interface ShownCart {
  visit: Visit;
  lines: ShownLine[];
  isLoading: boolean;
  error: Error | null;
  sum: { text: string; isWhole: boolean };
}

export function useCart(): ShownCart {
  const visit = useVisit();
  const { data, isLoading, error } = useCards(visit.cart.map((line) => line.item));
  const lines = visit.cart.map((line) => ({ ...line, card: data?.get(line.item) }));
  const known = lines.flatMap(({ card, quantity }) => (card ? [{ card, quantity }] : []));
  return { visit, lines, isLoading, error, sum: total(known) };
}
