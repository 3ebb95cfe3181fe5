import { useCallback, useState } from "react";

const NAME = "endcap.tour";

/** Where the tour is: a step from 0, or not begun (-1), or put away (-2). Kept in the browser, so that it goes on. */
export function useTourPlace(): [number, (place: number) => void] {
  const [place, setPlace] = useState(read);
  const change = useCallback((next: number) => {
    setPlace(next);
    try {
      localStorage.setItem(NAME, String(next));
    } catch {
      // A browser that keeps nothing begins anew next time.
    }
  }, []);
  return [place, change];
}

function read(): number {
  try {
    const found = Number(localStorage.getItem(NAME) ?? "-1");
    return Number.isInteger(found) ? found : -1;
  } catch {
    return -1;
  }
}
