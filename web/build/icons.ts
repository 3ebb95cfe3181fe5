import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Plugin } from "vite";

import { ANYTHING, THINGS } from "../ui/picture/things";

const NAME = "virtual:icons";

interface IconSet {
  icons: Record<string, { body: string }>;
  width: number;
  height: number;
}

/** The icons that `things.ts` names, one small file each; `url(name)` of `virtual:icons` is where one is.
 *
 * All share one mark in their names, that of what they hold together, so that the bundle need not list them. */
export function icons(): Plugin {
  const names = [...new Set([...Object.keys(THINGS), ANYTHING])];
  const files = drawn(names);
  const mark = createHash("sha256").update([...files.values()].join()).digest("hex").slice(0, 8);
  return {
    name: "endcap-icons",
    resolveId: (id) => (id === NAME ? `\0${NAME}` : undefined),
    load: (id) =>
      id === `\0${NAME}` ? `export const url = (name) => \`/web/icon-\${name}-${mark}.svg\`;` : undefined,
    generateBundle() {
      for (const [name, source] of files) {
        this.emitFile({ type: "asset", fileName: `icon-${name}-${mark}.svg`, source });
      }
    },
  };
}

function drawn(names: string[]): Map<string, string> {
  const path = createRequire(import.meta.url).resolve("@iconify-json/fluent-emoji-flat/icons.json");
  const set = JSON.parse(readFileSync(path, "utf8")) as IconSet;
  const box = `0 0 ${set.width} ${set.height}`;
  return new Map(
    names.map((name) => {
      const icon = set.icons[name];
      if (!icon) throw new Error(`things.ts names ${name}, which the icon set does not have.`);
      return [name, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}">${icon.body}</svg>`];
    }),
  );
}
