import { parse, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile, type TopLevelSpec } from "vega-lite";

const INK = { light: "#33403c", dark: "#c6d2ce" } as const;
const LINE = { light: "#e3e6e3", dark: "#333d3a" } as const;
const COLOURS = {
  light: ["#0f766e", "#c2570c", "#4f46e5", "#a21caf", "#4d7c0f", "#0369a1"],
  dark: ["#4bcab0", "#fb923c", "#a5b4fc", "#f0abfc", "#bef264", "#7dd3fc"],
} as const;

/** Draw a Vega-Lite chart into an element as wide as it is; the way to take it away again. */
export async function draw(
  place: HTMLElement,
  spec: TopLevelSpec,
  height: number,
  scheme: "light" | "dark",
): Promise<() => void> {
  const ink = INK[scheme];
  const whole = {
    width: Math.max(120, place.clientWidth - 4),
    height,
    autosize: { type: "fit", contains: "padding" },
    background: "transparent",
    ...spec,
    config: {
      font: "Inter Variable",
      view: { stroke: null },
      axis: { labelColor: ink, titleColor: ink, gridColor: LINE[scheme], domain: false, tickColor: LINE[scheme] },
      legend: { labelColor: ink, titleColor: ink },
      title: { color: ink },
      range: { category: [...COLOURS[scheme]] },
      mark: { color: COLOURS[scheme][0] },
    },
  } as TopLevelSpec;
  const view = new View(parse(compile(whole).spec, undefined, { ast: true }), {
    expr: expressionInterpreter,
    renderer: "svg",
    container: place,
    hover: true,
  });
  await view.runAsync();
  return () => view.finalize();
}
