import { Skeleton, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";

import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { askShelves } from "../calls";
import { AnsweredBy } from "../list/AnsweredBy";
import { ShelfRow } from "../shelf/ShelfRow";
import { useVisit } from "../visit";

const WhyThese = lazy(async () => ({ default: (await import("../stage/WhyThese")).WhyThese }));

/** What the shop would show now, each product with its reason. */
export function Why() {
  const visit = useVisit();
  const { shop, user, session, moves } = visit;
  const { data, error, refetch } = useQuery({
    queryKey: ["why", shop, user, session, moves],
    queryFn: async () => {
      await visit.settled();
      return askShelves({ shop, user, session, page: "home" });
    },
    placeholderData: (before) => before,
  });
  if (error) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton h={480} radius="lg" />;
  const [shelf] = data.shelves;
  if (!shelf) return <EmptyState title="Nothing is shown to you" />;
  return (
    <Stack>
      <Text>
        {shelf.key === "for-you"
          ? "This is what the shop would show you now. Under each product stands why."
          : "The shop knows nothing of you, so it shows what everybody takes just now."}
      </Text>
      {shelf.answered?.because && <AnsweredBy answered={shelf.answered} />}
      <ShelfRow shelf={shelf} />
      <Title order={2}>Measured, not claimed</Title>
      <Suspense fallback={<Skeleton h={420} />}>
        <WhyThese />
      </Suspense>
    </Stack>
  );
}
