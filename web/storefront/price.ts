import type { Card } from "../api/schema";

type Priced = Pick<Card, "price" | "currency">;

/** An amount in the shop's currency; without one, the plain number. */
export function money(amount: number, currency = ""): string {
  const style = /^[A-Z]{3}$/.test(currency) ? { style: "currency" as const, currency, currencyDisplay: "narrowSymbol" as const } : {};
  try {
    return new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2, ...style }).format(amount);
  } catch {
    return amount.toFixed(2);
  }
}

/** What a product costs; nothing where nobody knows. */
export function priceOf({ price, currency }: Priced): string {
  return price == null ? "" : money(price, currency);
}

/** The sum of what has a price, and whether everything has one. */
export function total(lines: { card: Priced; quantity: number }[]): { text: string; isWhole: boolean } {
  const priced = lines.filter((line) => line.card.price != null);
  const sum = priced.reduce((all, line) => all + (line.card.price ?? 0) * line.quantity, 0);
  return { text: priced.length ? money(sum, priced[0]?.card.currency) : "", isWhole: priced.length === lines.length };
}
