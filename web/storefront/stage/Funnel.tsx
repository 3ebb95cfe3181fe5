import css from "./Stage.module.css";

const ORDER = ["catalogue", "allowed", "scored", "candidates", "ranked", "shown"];

/** How many items were left after each step. */
export function Funnel({ counts }: { counts: Record<string, number> }) {
  const names = Object.keys(counts).sort((one, other) => place(one) - place(other));
  if (!names.length) return null;
  return (
    <div className={css.funnel}>
      {names.map((name, at) => (
        <span key={name}>
          {at > 0 && <span aria-hidden>→ </span>}
          <span className={css.step}>
            {(counts[name] ?? 0).toLocaleString("en-GB")} {name.replaceAll("_", " ")}
          </span>
        </span>
      ))}
    </div>
  );
}

function place(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? 1.5 : at;
}
