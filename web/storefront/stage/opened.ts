import { useSyncExternalStore } from "react";

/** The drawer's tabs. */
export type Tab = "live" | "why" | "tastes" | "shelves";

const TABS: Tab[] = ["live", "why", "tastes", "shelves"];
const NAME = "endcap.stage";
const listeners = new Set<() => void>();
let open: Tab | "" = begun();

function begun(): Tab | "" {
  const asked = new URLSearchParams(window.location.search).get("stage") ?? read();
  return TABS.find((tab) => tab === asked) ?? "";
}

function read(): string {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

/** Open the drawer at a tab, or close it (empty). It stays so from page to page. */
export function openStage(tab: Tab | ""): void {
  open = tab;
  try {
    sessionStorage.setItem(NAME, tab);
  } catch {
    // A browser that keeps nothing closes it with the next page.
  }
  for (const each of listeners) each();
}

/** The open tab; empty while the drawer is closed. */
export function useOpened(): Tab | "" {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => open,
  );
}
