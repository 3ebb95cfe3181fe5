import type { Pattern } from "./composing";

interface GroundProps {
  id: string;
  pattern: Pattern;
  ink: string;
}

/** The pattern behind a thing, in a square of 120. */
export function Ground({ id, pattern, ink }: GroundProps) {
  if (pattern === "plain") return null;
  if (pattern === "rings") {
    return (
      <g fill="none" stroke={ink} strokeWidth="1.5" opacity="0.5">
        <circle cx="60" cy="64" r="30" />
        <circle cx="60" cy="64" r="44" />
        <circle cx="60" cy="64" r="58" />
        <circle cx="60" cy="64" r="72" />
      </g>
    );
  }
  const { size, turn, shape } = TILES[pattern];
  return (
    <>
      <defs>
        <pattern id={id} width={size} height={size} patternUnits="userSpaceOnUse" patternTransform={`rotate(${turn})`}>
          <path d={shape} fill="none" stroke={ink} strokeWidth="1.6" strokeLinecap="round" />
        </pattern>
      </defs>
      <rect width="120" height="120" fill={`url(#${id})`} opacity="0.55" />
    </>
  );
}

const TILES: Record<Exclude<Pattern, "plain" | "rings">, { size: number; turn: number; shape: string }> = {
  dots: { size: 12, turn: 30, shape: "M6 6h.01" },
  stripes: { size: 10, turn: 45, shape: "M0 5h10" },
  waves: { size: 24, turn: 0, shape: "M0 6q6-5 12 0t12 0M0 18q6-5 12 0t12 0" },
  grid: { size: 12, turn: 45, shape: "M0 6h12M6 0v12" },
  knit: { size: 12, turn: 0, shape: "M1 2l5 4 5-4M1 8l5 4 5-4" },
  grain: { size: 40, turn: 0, shape: "M0 8q20-6 40 0M0 18q20 5 40 0M0 30q20-4 40 0" },
};
