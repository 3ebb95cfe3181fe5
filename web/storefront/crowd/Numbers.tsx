import { Text } from "@mantine/core";

import type { CrowdShown } from "../../api/schema";
import css from "./Crowd.module.css";

/** What the crowd did so far, and how quickly it is answered. */
export function Numbers({ crowd }: { crowd: CrowdShown }) {
  const points = crowd.points ?? [];
  return (
    <>
      <div className={css.tiles}>
        <Tile label="events a second" value={(crowd.eventsASecond ?? 0).toFixed(1)} />
        <Tile label="answers a second" value={(crowd.answersASecond ?? 0).toFixed(1)} />
        <Tile label="middle answer" value={`${(crowd.ms ?? 0).toFixed(1)} ms`} />
        <Tile label="clicks per shelf" value={(crowd.clickThrough ?? 0).toFixed(2)} />
        <Tile label="events taken" value={(crowd.events ?? 0).toLocaleString("en-GB")} name="events" />
        <Tile label="purchases" value={(crowd.purchases ?? 0).toLocaleString("en-GB")} />
        <Tile label="visits" value={(crowd.visits ?? 0).toLocaleString("en-GB")} />
        <Tile label="events refused" value={(crowd.refused ?? 0).toLocaleString("en-GB")} />
      </div>
      <Line values={points.map((point) => point.events)} label="Events taken since the crowd came" />
    </>
  );
}

function Tile({ label, value, name }: { label: string; value: string; name?: string }) {
  return (
    <div className={css.tile} data-number={name ?? label}>
      <div className={css.number}>{value}</div>
      <Text size="xs" c="var(--quiet)">
        {label}
      </Text>
    </div>
  );
}

function Line({ values, label }: { values: number[]; label: string }) {
  const most = Math.max(...values, 1);
  const steps = Math.max(values.length - 1, 1);
  const path = values.map((value, at) => `${(600 * at) / steps},${70 - (66 * value) / most}`).join(" ");
  return (
    <svg className={css.line} viewBox="0 0 600 72" preserveAspectRatio="none" role="img" aria-label={`${label}: ${values.at(-1) ?? 0}`}>
      <polyline points={`0,72 ${path} 600,72`} fill="var(--mantine-primary-color-light)" stroke="none" />
      <polyline points={path} fill="none" stroke="var(--mantine-primary-color-filled)" strokeWidth="2" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
