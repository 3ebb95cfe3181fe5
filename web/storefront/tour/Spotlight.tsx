import { useEffect, useState } from "react";

import css from "./Tour.module.css";

interface Box {
  top: number;
  left: number;
  width: number;
  height: number;
}

const AROUND = 8;
const EVERY = 200;

/** A light on what a step is about; it follows it, and lets everything below be used. */
export function Spotlight({ target, place }: { target: string; place: number }) {
  const [box, setBox] = useState<Box | null>(null);
  useEffect(() => {
    let hasScrolled = false;
    const look = () => {
      const found = first(target);
      if (!found) {
        setBox(null);
        return;
      }
      if (!hasScrolled) {
        hasScrolled = true;
        found.scrollIntoView({ block: "nearest" });
      }
      const { top, left, width, height } = found.getBoundingClientRect();
      setBox((before) => (same(before, { top, left, width, height }) ? before : { top, left, width, height }));
    };
    look();
    const timer = window.setInterval(look, EVERY);
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      window.clearInterval(timer);
      window.removeEventListener("scroll", look);
      window.removeEventListener("resize", look);
    };
  }, [target, place]);
  if (!box) return null;
  const style = {
    top: box.top - AROUND,
    left: box.left - AROUND,
    width: box.width + 2 * AROUND,
    height: Math.min(box.height + 2 * AROUND, window.innerHeight),
  };
  return <div className={css.light} style={style} aria-hidden />;
}

/** The first selector of the list that finds something that is shown. */
function first(target: string): Element | null {
  for (const selector of target.split(", ")) {
    const found = [...document.querySelectorAll(selector)].find((each) => each.getClientRects().length > 0);
    if (found) return found;
  }
  return null;
}

function same(one: Box | null, other: Box): boolean {
  return !!one && one.top === other.top && one.left === other.left && one.width === other.width && one.height === other.height;
}
