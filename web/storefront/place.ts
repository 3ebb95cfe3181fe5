import { useLocation, useSearchParams } from "wouter";

/** Where the page is, as written in its address: what follows `/shop`, part by part. */
export function usePlace(): string[] {
  useLocation();
  // The address itself: the router has half decoded its own by now, and an id may hold any character.
  return window.location.pathname
    .split("/")
    .slice(2)
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

/** A value of the address's query, and how to set it (empty: take it out) without a new entry in the history. */
export function useQueryValue(name: string, otherwise = ""): [string, (value: string) => void] {
  const [query, setQuery] = useSearchParams();
  const set = (value: string) =>
    setQuery(
      (before) => {
        const after = new URLSearchParams(before);
        if (value && value !== otherwise) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace: true },
    );
  return [query.get(name) ?? otherwise, set];
}
