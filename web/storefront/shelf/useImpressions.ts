import { type RefObject, useEffect, useRef } from "react";

import { useVisit } from "../visit";

const WAIT = 500;
/** How much of a card must be in view, and for how long (ms), to have been seen. */
const SHARE = 0.6;

/** Tell which products of an answer came into view: elements inside `place` that carry `data-item`. */
export function useImpressions(
  place: RefObject<HTMLElement | null>,
  recommendationId: string | undefined,
  name: string,
  onSeen?: () => void,
): void {
  const { tell } = useVisit();
  const telling = useRef(tell);
  telling.current = tell;
  const told = useRef(new Set<string>());
  const seen = useRef(onSeen);
  seen.current = onSeen;

  useEffect(() => {
    const root = place.current;
    if (!root) return;
    const inView = new Set<string>();
    let timer = 0;
    const send = () => {
      timer = 0;
      const fresh = [...inView].filter((item) => !told.current.has(`${recommendationId}/${item}`));
      if (!fresh.length) return;
      seen.current?.();
      for (const item of fresh) told.current.add(`${recommendationId}/${item}`);
      if (!recommendationId) return;
      const event = { event_type: "Impression", recommendation_id: recommendationId, impression: fresh, place: name };
      telling.current(event).catch(() => undefined);
    };
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          const item = (entry.target as HTMLElement).dataset["item"] ?? "";
          if (entry.isIntersecting) inView.add(item);
          else inView.delete(item);
        }
        if (inView.size) seen.current?.();
        timer ||= window.setTimeout(send, WAIT);
      },
      { threshold: SHARE },
    );
    for (const each of root.querySelectorAll("[data-item]")) observer.observe(each);
    return () => {
      observer.disconnect();
      window.clearTimeout(timer);
      send();
    };
  }, [place, recommendationId, name]);
}
