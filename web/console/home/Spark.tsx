import type { Point } from "../../api/schema";
import classes from "./Home.module.css";

const WIDTH = 160;
const HEIGHT = 36;

/** A series as one line; where nothing is known it is broken. */
export function Spark({ points, label }: { points: Point[]; label: string }) {
  const known = points.filter((point) => point.value !== null && point.value !== undefined);
  const first = points[0]?.at ?? 0;
  const span = Math.max(1, (points.at(-1)?.at ?? 1) - first);
  const top = Math.max(...known.map((point) => point.value ?? 0), 1e-9);
  if (known.length < 2) return <svg className={classes.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${label}: not enough to draw yet`} />;
  let path = "";
  let isDown = false;
  for (const point of points) {
    if (point.value === null || point.value === undefined) {
      isDown = false;
      continue;
    }
    const x = ((point.at - first) / span) * (WIDTH - 4) + 2;
    const y = HEIGHT - 3 - (point.value / top) * (HEIGHT - 6);
    path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  }
  return (
    <svg className={classes.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={path} fill="none" stroke="currentColor" strokeWidth={1.75} strokeLinejoin="round" strokeLinecap="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
