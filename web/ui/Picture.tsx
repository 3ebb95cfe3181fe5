import { memo, useId, useState } from "react";
import { url } from "virtual:icons";

import { Ground } from "./picture/Ground";
import { composed, type Composition, type Pictured } from "./picture/composing";
import css from "./Picture.module.css";

export type { Pictured } from "./picture/composing";

interface PictureProps {
  item: Pictured;
  /** Pixels of a side; without it the picture fills what it stands in. */
  size?: number;
  /** Its words for those who do not see it; empty (the title stands beside it) without. */
  alt?: string;
}

/** The picture of a product: the shop's own where it is of this origin, else one composed of what the product is, its
 * colour and its material, the same wherever it is shown. */
export const Picture = memo(function Picture({ item, size, alt = "" }: PictureProps) {
  const [broken, setBroken] = useState("");
  const own = ownImage(item.image);
  const side = size === undefined ? "100%" : size;
  if (own && broken !== own) {
    return (
      <img
        className={css.own}
        src={own}
        alt={alt}
        width={size}
        height={size}
        style={{ width: side, height: size === undefined ? undefined : side }}
        loading="lazy"
        decoding="async"
        onError={() => setBroken(own)}
      />
    );
  }
  return <Composed item={item} side={side} alt={alt} />;
});

function Composed({ item, side, alt }: { item: Pictured; side: number | string; alt: string }) {
  const id = useId();
  const made = composed(item);
  const ink = `hsl(${made.hue} ${made.chroma}% ${made.light - 14}%)`;
  return (
    <svg
      className={css.picture}
      viewBox="0 0 120 120"
      width={side}
      height={typeof side === "number" ? side : undefined}
      role={alt ? "img" : undefined}
      aria-label={alt || undefined}
      aria-hidden={alt ? undefined : true}
      focusable="false"
    >
      <rect width="120" height="120" fill={`hsl(${made.hue} ${made.chroma}% ${made.light}%)`} />
      <Ground id={id} pattern={made.pattern} ink={ink} />
      <ellipse cx="60" cy="101" rx={made.count === 1 ? 27 : 38} ry="5" fill="rgb(0 0 0 / 16%)" />
      <Things made={made} />
    </svg>
  );
}

const PLACES: Record<Composition["count"], [x: number, y: number, side: number][]> = {
  1: [[26, 28, 68]],
  2: [
    [14, 36, 58],
    [50, 40, 58],
  ],
  3: [
    [10, 30, 50],
    [60, 30, 50],
    [32, 46, 56],
  ],
};

function Things({ made }: { made: Composition }) {
  return PLACES[made.count].map(([x, y, side], at) => (
    <image
      key={at}
      href={url(made.icon)}
      x={x}
      y={y}
      width={side}
      height={side}
      transform={`rotate(${made.tilt + (at - (made.count - 1) / 2) * 7} ${x + side / 2} ${y + side / 2})`}
    />
  ));
}

/** The shop's own image where the page may show it: only what comes from here. */
function ownImage(image: string | null | undefined): string {
  if (!image) return "";
  try {
    const found = new URL(image, window.location.origin);
    return found.origin === window.location.origin && /^https?:$/.test(found.protocol) ? found.href : "";
  } catch {
    return "";
  }
}
