import { Text } from "@mantine/core";

import classes from "./Inspector.module.css";

export interface Bar {
  name: string;
  value: number;
  /** What stands beside the name. */
  note?: string;
}

/** Addends of a number as small bars, those against it in another colour. */
export function Bars({ bars, label }: { bars: Bar[]; label: string }) {
  const widest = Math.max(...bars.map((bar) => Math.abs(bar.value)), 1e-9);
  return (
    <div role="list" aria-label={label}>
      {bars.map((bar) => {
        const share = (Math.abs(bar.value) / widest) * 100;
        return (
          <div role="listitem" key={bar.name} className={classes.bar}>
            <Text span size="sm" truncate title={bar.note ? `${bar.name} · ${bar.note}` : bar.name}>
              {bar.name}
              {bar.note && (
                <Text span size="xs" c="var(--quiet)">
                  {" "}
                  · {bar.note}
                </Text>
              )}
            </Text>
            <span className={classes.track} aria-hidden>
              <span className={classes.fill} data-against={bar.value < 0 || undefined} style={{ width: `${share}%` }} />
            </span>
            <span className={classes.number}>{signed(bar.value)}</span>
          </div>
        );
      })}
    </div>
  );
}

function signed(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 3;
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}
