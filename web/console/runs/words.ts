import type { RunLine } from "../../api/schema";

const KINDS: Record<string, string> = {
  "dataset-import-job": "import",
  "dataset-export-job": "export",
  "data-deletion-job": "deletion of users",
  "dataset-group": "shop",
  "solution-version": "training",
  "batch-inference-job": "batch of answers",
  "batch-segment-job": "batch of segments",
  "event-tracker": "event tracker",
  "metric-attribution": "attribution",
};

const VERBS: Record<string, string> = { create: "", update: "change of ", delete: "removal of ", start: "start of ", stop: "stop of ", train: "training of ", write: "writing of " };

export const kindName = (kind: string): string => KINDS[kind] ?? kind.replaceAll("-", " ");

/** What a run is, in a few words. */
export function whatOf(run: RunLine): string {
  const said = `${VERBS[run.verb] ?? `${run.verb} `}${kindName(run.kind)}`;
  return said.charAt(0).toUpperCase() + said.slice(1);
}

export const COLOURS: Record<string, string> = { pending: "gray", running: "blue", done: "pine", failed: "red", stopped: "orange" };

export function lasting(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export function ago(at: number, now: number): string {
  const seconds = (now - at) / 1000;
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** How far a run is, in words. */
export function progressOf(run: RunLine, now: number): string {
  if (run.status === "failed" || run.status === "stopped") return run.reason;
  if (run.status === "done") return run.ended && run.started ? `took ${lasting(run.ended - run.started)}` : "";
  if (!run.label) return run.status === "pending" ? "waits for its turn" : "";
  const total = run.total ? ` of ${run.total.toLocaleString("en")}` : "";
  const amount = run.done || run.total ? ` ${run.done.toLocaleString("en")}${total} ${run.unit}`.trimEnd() : "";
  return `${run.label}${amount ? `:${amount}` : ""}${run.eta ? ` · about ${lasting(run.eta - now)} left` : ""}`;
}

/** Share done, in per cent; null where that cannot be told. */
export const shareOf = (run: RunLine): number | null => (run.total ? Math.min(100, (run.done / run.total) * 100) : null);
