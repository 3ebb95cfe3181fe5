import { Button, Select, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "../../api/client";
import type { Answered } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { type NotedCall, useCalls } from "../calls";
import { useVisit } from "../visit";
import { Funnel } from "./Funnel";
import { WhyLine } from "./WhyLine";

const FIRST = 6;
const MOST = 12;

/** Why the items of a shelf are there, measured by answering again without what the shopper did. */
export function WhyThese() {
  const { shopper } = useVisit();
  const calls = useCalls();
  const answers = recent(calls.flatMap((call) => (call.shopper === shopper ? call.answers : [])));
  const [chosen, choose] = useState<string | null>(null);
  const answered = answers.find((each) => each.recommendationId === chosen) ?? answers[0];
  if (!answered) {
    return <EmptyState title="Nothing was answered yet">Look at a page with shelves first.</EmptyState>;
  }
  return (
    <Stack gap="sm">
      <Select
        label="Which answer"
        size="xs"
        value={answered.recommendationId}
        onChange={choose}
        allowDeselect={false}
        data={answers.map((each) => ({ value: each.recommendationId, label: labelOf(each) }))}
        comboboxProps={{ withinPortal: true, zIndex: 400 }}
      />
      <Explained key={answered.recommendationId} answered={answered} items={itemsOf(calls, answered)} />
    </Stack>
  );
}

/** What stood on the shelf that an answer filled; empty where no shelf shows it. */
function itemsOf(calls: readonly NotedCall[], answered: Answered): string[] {
  const shelves = calls.flatMap((call) => call.shelves ?? []);
  const shelf = shelves.find((each) => each.answered?.recommendationId === answered.recommendationId);
  return (shelf?.items ?? []).map((each) => each.card.item).slice(0, MOST);
}

function Explained({ answered, items }: { answered: Answered; items: string[] }) {
  const { shop, user, session } = useVisit();
  const [all, setAll] = useState(false);
  const body = {
    ...{ shop, user, session, arn: answered.arn, about: answered.item ?? "", k: Math.min(answered.k, 24) },
    recommendationId: answered.operation === "ranking" ? "" : answered.recommendationId,
    context: answered.context ?? {},
    items,
  };
  const { data, error, refetch } = useQuery({
    queryKey: ["why", answered.recommendationId],
    queryFn: () => unwrap(api.POST("/shop/api/why", { body: body as never })),
    staleTime: Infinity,
  });
  if (answered.operation === "ranking") {
    return <Text size="sm">A list that was put in order is explained item by item in the console’s inspector.</Text>;
  }
  if (error) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton h={420} />;
  const shown = all ? data.items : data.items.slice(0, FIRST);
  return (
    <Stack gap={4} data-why>
      <Text size="sm">
        {data.recipe} · version {data.version} · from {data.events} of this shopper’s events. Answers made to measure
        this: {data.measured}, in {data.ms.toFixed(0)} ms.
      </Text>
      {data.because && (
        <Text size="sm" c="var(--quiet)">
          Not personal: {data.because}.
        </Text>
      )}
      <Funnel counts={Object.fromEntries((data.stages ?? []).map((each) => [each.name, each.count]))} />
      {(shown[0]?.place ?? 1) > 1 && (
        <Text size="xs" c="var(--quiet)">
          Numbers are places in the answer; what stands on another shelf already is left out of this one.
        </Text>
      )}
      {shown.map((item) => (
        <WhyLine key={item.item} item={item} />
      ))}
      {!all && data.items.length > FIRST && (
        <Button variant="subtle" size="xs" onClick={() => setAll(true)}>
          {data.items.length - FIRST} more
        </Button>
      )}
      <SameIn same={{ api: `curl -s ${window.location.origin}/shop/api/why -H 'content-type: application/json' -d '${JSON.stringify(body).replaceAll("'", "\\u0027")}'` }} />
    </Stack>
  );
}

/** The newest answer of each purpose and item, newest first. */
function recent(answers: Answered[]): Answered[] {
  const seen = new Map<string, Answered>();
  for (const each of answers) {
    const name = `${each.purpose} ${each.item}`;
    if (!seen.has(name)) seen.set(name, each);
  }
  return [...seen.values()].slice(0, 12);
}

function labelOf(answered: Answered): string {
  return answered.item ? `${answered.purpose} · ${answered.item}` : answered.purpose;
}
