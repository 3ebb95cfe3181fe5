import { Select, Stack, Text } from "@mantine/core";
import { useState } from "react";

import type { Placed, Shelf } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { Picture } from "../../ui/Picture";
import { type NotedCall, useCalls } from "../calls";
import { pictured } from "../pictured";
import { useVisit } from "../visit";
import css from "./Stage.module.css";

const SHOWN = 8;

interface Views {
  title: string;
  before: Shelf;
  after: Shelf;
}

/** One shelf of the home page, as it was first shown in this visit and as it is now. */
export function BeforeAfter() {
  const { shopper } = useVisit();
  const views = viewsOf(useCalls(), shopper);
  const keys = Object.keys(views);
  const [chosen, choose] = useState("");
  const view = views[chosen] ?? views[keys[0] ?? ""];
  if (!view) {
    return (
      <EmptyState title="Nothing to compare yet">
        Look at the shop’s front page, open a few products, and come back to the front page.
      </EmptyState>
    );
  }
  const was = new Map(view.before.items?.map((each, place) => [each.card.item, place]));
  return (
    <Stack data-before-after>
      {keys.length > 1 && (
        <Select
          label="Which shelf"
          size="xs"
          value={views[chosen] ? chosen : (keys[0] ?? null)}
          onChange={(key) => choose(key ?? "")}
          data={keys.map((key) => ({ value: key, label: views[key]?.title ?? key }))}
          allowDeselect={false}
          comboboxProps={{ zIndex: 400 }}
        />
      )}
      <div className={css.columns}>
        <Column title={`Before: ${view.before.title}`} items={view.before.items ?? []} />
        <Column title={`Now: ${view.after.title}`} items={view.after.items ?? []} was={was} />
      </div>
    </Stack>
  );
}

function Column({ title, items, was }: { title: string; items: Placed[]; was?: Map<string, number> }) {
  return (
    <section>
      <Text size="sm" fw={650} mb={6}>
        {title}
      </Text>
      <ol className={css.list}>
        {items.slice(0, SHOWN).map((each, place) => (
          <li key={each.card.item} className={css.slot}>
            <Picture item={pictured(each.card)} size={40} />
            <span>
              <Text size="xs" lineClamp={2}>
                {each.card.title}
              </Text>
              {was && <Climbed from={was.get(each.card.item)} to={place} />}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Climbed({ from, to }: { from: number | undefined; to: number }) {
  const said = from === undefined ? "new here" : from === to ? "same place" : from > to ? `▲ ${from - to}` : `▼ ${to - from}`;
  return (
    <Text size="xs" c={from === undefined || from > to ? "var(--mantine-primary-color-light-color)" : "var(--quiet)"} fw={600}>
      {said}
    </Text>
  );
}

/** By place on the page: what stood at the top first, and what stands there now; then each shelf that was shown twice. */
function viewsOf(calls: readonly NotedCall[], shopper: string): Record<string, Views> {
  const home = calls.filter((call) => call.shopper === shopper && call.shelves?.length && "page" in call.asked && call.asked.page === "home");
  const [last, first] = [home[0]?.shelves ?? [], home.at(-1)?.shelves ?? []];
  const found: Record<string, Views> = {};
  if (home.length < 2) return found;
  if (first[0] && last[0] && first[0].key !== last[0].key) {
    found.top = { title: "Top of the page", before: first[0], after: last[0] };
  }
  for (const after of last) {
    const before = home
      .toReversed()
      .flatMap((call) => call.shelves ?? [])
      .find((shelf) => shelf.key === after.key);
    if (before && before !== after) found[after.key] = { title: after.title, before, after };
  }
  return found;
}
