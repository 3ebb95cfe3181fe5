import { ANYTHING, THINGS } from "./things";

/** What of a product its picture tells. */
export interface Pictured {
  id: string;
  title: string;
  /** From the top, levels parted by " > ". */
  category?: string | null;
  colour?: string | null;
  material?: string | null;
  /** The shop's own, shown where it is of this origin. */
  image?: string | null;
}

export type Pattern = "plain" | "dots" | "stripes" | "waves" | "grid" | "rings" | "knit" | "grain";

/** A picture, composed: everything follows from the product, so it is the same wherever it is shown. */
export interface Composition {
  icon: string;
  /** Hue of the ground in degrees, how colourful and how light it is (percent). */
  hue: number;
  chroma: number;
  light: number;
  pattern: Pattern;
  /** Degrees, by which the thing leans. */
  tilt: number;
  /** How many stand there: a set or a pack shows three. */
  count: 1 | 2 | 3;
}

const COLOURS: Record<string, [hue: number, chroma: number, light: number]> = {
  red: [4, 62, 80],
  crimson: [350, 60, 78],
  pink: [338, 66, 88],
  rose: [345, 60, 88],
  orange: [26, 76, 80],
  coral: [14, 74, 82],
  yellow: [48, 84, 80],
  gold: [44, 64, 76],
  golden: [44, 64, 76],
  mustard: [44, 66, 72],
  green: [132, 38, 78],
  olive: [70, 32, 72],
  mint: [158, 46, 84],
  lime: [82, 58, 78],
  turquoise: [178, 46, 78],
  teal: [182, 42, 72],
  blue: [212, 62, 82],
  navy: [220, 40, 68],
  purple: [274, 44, 82],
  lilac: [276, 48, 88],
  lavender: [262, 50, 88],
  violet: [268, 46, 80],
  brown: [26, 34, 74],
  beige: [36, 36, 88],
  cream: [44, 60, 92],
  ivory: [48, 56, 94],
  white: [210, 16, 95],
  silver: [212, 10, 84],
  grey: [212, 8, 80],
  gray: [212, 8, 80],
  charcoal: [212, 8, 62],
  black: [220, 12, 56],
};
const PATTERNS: Record<string, Pattern> = {
  wood: "grain",
  wooden: "grain",
  oak: "grain",
  pine: "grain",
  bamboo: "grain",
  rattan: "grid",
  wicker: "grid",
  knit: "knit",
  knitted: "knit",
  wool: "knit",
  cotton: "knit",
  linen: "grid",
  canvas: "grid",
  denim: "stripes",
  leather: "plain",
  silk: "waves",
  satin: "waves",
  glass: "rings",
  ceramic: "rings",
  metal: "stripes",
  steel: "stripes",
  polkadot: "dots",
  polka: "dots",
  spot: "dots",
  retrospot: "dots",
  stripe: "stripes",
  striped: "stripes",
  check: "grid",
  gingham: "grid",
};
const SEEDED: Pattern[] = ["plain", "dots", "rings", "waves", "stripes", "plain"];
const SEVERAL = /\b(set|pack|box|case|assorted|bundle|multi\w*)\b|\b(\d{1,3})\s*(x|pk|pack|ct|count|pcs?)\b/i;
const PAIR = /\b(pair|twin|duo|2 ?pk)\b/i;
const LONGEST = 3;

const icons = new Map<string, string>();
for (const [icon, words] of Object.entries(THINGS)) {
  for (const phrase of words.split(", ")) icons.set(phrase, icon);
}

/** What a product's picture looks like. */
export function composed(item: Pictured): Composition {
  const seed = hashed(item.id);
  const words = plain(`${item.colour ?? ""} ${item.title}`);
  const colour = words.map((word) => own(COLOURS, word)).find(Boolean);
  const material = plain(`${item.material ?? ""} ${item.title}`).map((word) => own(PATTERNS, word)).find(Boolean);
  const [hue, chroma, light] = colour ?? [(seed % 24) * 15, 52, 87];
  return {
    icon: iconOf(item),
    hue,
    chroma,
    light,
    pattern: material ?? SEEDED[(seed >>> 6) % SEEDED.length] ?? "plain",
    tilt: ((seed >>> 12) % 21) - 10,
    count: SEVERAL.test(item.title) ? 3 : PAIR.test(item.title) ? 2 : 1,
  };
}

/** The title's head noun stands last in its first part; then the category counts, the narrowest first; then the rest. */
function iconOf(item: Pictured): string {
  const [head = "", ...rest] = item.title.split(/[,;:(|]| - /);
  const levels = (item.category ?? "").split(" > ").reverse();
  for (const text of [head, ...levels, ...rest]) {
    const found = last(plain(text));
    if (found) return found;
  }
  return ANYTHING;
}

/** The icon of the phrase that ends last; of those the longest. */
function last(words: string[]): string | undefined {
  for (let end = words.length; end > 0; end--) {
    for (let length = Math.min(LONGEST, end); length > 0; length--) {
      const icon = icons.get(words.slice(end - length, end).join(" "));
      if (icon) return icon;
    }
  }
  return undefined;
}

function plain(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter(Boolean)
    .map(singular);
}

function singular(word: string): string {
  if (icons.has(word) || word.length < 4) return word;
  if (word.endsWith("s") && icons.has(word.slice(0, -1))) return word.slice(0, -1); // cookies, pies
  if (word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  if (/(ches|shes|sses|xes|toes)$/.test(word)) return word.slice(0, -2);
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

/** FNV-1a, 32 bits. */
export function hashed(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** What a table holds itself: a title may say "constructor". */
function own<T>(table: Record<string, T>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
