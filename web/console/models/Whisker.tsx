import type { Interval } from "../../api/schema";
import classes from "./Whisker.module.css";

interface Props {
  interval: Interval;
  low: number;
  high: number;
  label: string;
  /** Where the line of no difference stands. */
  zero?: boolean;
  tone?: "better" | "worse" | "alike" | "";
}

/** A value as a dot with its interval as a line, on a scale from low to high. */
export function Whisker({ interval, low, high, label, zero = false, tone = "" }: Props) {
  const width = Math.max(high - low, 1e-9);
  const at = (value: number) => 4 + 192 * Math.min(1, Math.max(0, (value - low) / width));
  return (
    <svg viewBox="0 0 200 16" className={classes.whisker} role="img" aria-label={label} data-tone={tone || undefined}>
      <line className={classes.base} x1="0" x2="200" y1="8" y2="8" />
      {zero && <line className={classes.zero} x1={at(0)} x2={at(0)} y1="0" y2="16" />}
      <line className={classes.range} x1={at(interval.low)} x2={at(interval.high)} y1="8" y2="8" />
      <circle className={classes.dot} cx={at(interval.value)} cy="8" r="4.5" />
    </svg>
  );
}
