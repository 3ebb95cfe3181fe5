import type { EvaluationRow, Interval, ModelLine, ModelList } from "../../api/schema";

export const EVERYONE = "everyone";

/** What is known of a version's quality: its own newest comparison, else its recipe's with default settings. */
export function judgedOf(model: ModelLine, list: ModelList): { row: EvaluationRow; own: boolean } | null {
  const own = list.judged.find((row) => row.name === model.id);
  if (own) return { row: own, own: true };
  const report = list.report.find((row) => row.recipe === model.recipe && row.slice === EVERYONE);
  return report ? { row: report, own: false } : null;
}

/** The name of the metric that rows are shown by, `ndcg@20`. */
export function mainMetric(row: EvaluationRow): string {
  return Object.keys(row.metrics).find((name) => name.startsWith("ndcg@")) ?? Object.keys(row.metrics)[0] ?? "";
}

export const decimal = (value: number): string => value.toFixed(Math.abs(value) < 0.1 ? 4 : 3);

export const signed = (value: number): string => `${value < 0 ? "−" : "+"}${decimal(Math.abs(value))}`;

/** What an interval of a difference says. */
export function verdict(difference: Interval | undefined): "better" | "worse" | "alike" | "" {
  if (!difference) return "";
  if (difference.low > 0) return "better";
  return difference.high < 0 ? "worse" : "alike";
}

export const VERDICTS = {
  better: { word: "clearly better", colour: "pine" },
  worse: { word: "clearly worse", colour: "red" },
  alike: { word: "no clear difference", colour: "gray" },
  "": { word: "–", colour: "gray" },
} as const;

export const metricTitle = (name: string): string => name.replace("ndcg", "NDCG").replace("hit_rate", "Hit rate").replace("recall", "Recall").replace("mrr", "MRR");
