import { Button, Group, Skeleton, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "../../api/client";
import type { Card } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { Picture } from "../../ui/Picture";
import { useFront } from "../front";
import { pictured } from "../pictured";
import { useVisit } from "../visit";
import { makeShopper } from "./people";
import css from "./Picker.module.css";

const WANTED = 5;

/** Be somebody new who likes five products. */
export function MakeYourOwn({ onMade }: { onMade: (user: string) => void }) {
  const { shop } = useVisit();
  const [chosen, setChosen] = useState<string[]>([]);
  const [words, setWords] = useState("");
  const { cards, isLoading, error } = useOffered(shop, words);
  const making = useMutation({
    mutationFn: () => makeShopper(shop, chosen, {}),
    onSuccess: (made) => onMade(made.user),
  });
  const toggle = (item: string) =>
    setChosen((before) => (before.includes(item) ? before.filter((each) => each !== item) : [...before, item].slice(-WANTED)));
  return (
    <>
      <Text size="sm" mb="xs">
        Choose {WANTED} products that you like. They are told as five likes, and the next shelf knows them.
      </Text>
      <TextInput
        label="Look for products"
        value={words}
        onChange={(event) => setWords(event.currentTarget.value)}
        mb="md"
        maxLength={80}
      />
      {error && <ErrorNote error={error} />}
      <div className={css.goods}>
        {isLoading && Array.from({ length: 12 }, (_, place) => <Skeleton key={place} h={150} radius="lg" />)}
        {cards.map((card) => (
          <UnstyledButton
            key={card.item}
            className={css.good}
            aria-pressed={chosen.includes(card.item)}
            onClick={() => toggle(card.item)}
          >
            <Picture item={pictured(card)} />
            <Text size="xs" lineClamp={2} mt={4}>
              {card.title}
            </Text>
          </UnstyledButton>
        ))}
      </div>
      {making.error && <ErrorNote error={making.error} />}
      <Group justify="space-between" mt="md">
        <Text size="sm" role="status">
          {chosen.length} of {WANTED} chosen
        </Text>
        <Button onClick={() => making.mutate()} loading={making.isPending} disabled={!chosen.length}>
          Shop as this person
        </Button>
      </Group>
    </>
  );
}

/** Some of the best sellers of each aisle; with words, what they find. */
function useOffered(shop: string, words: string): { cards: Card[]; isLoading: boolean; error: Error | null } {
  const front = useFront();
  const [q] = useDebouncedValue(words.trim(), 250);
  const found = useQuery({
    queryKey: ["offered", shop, q],
    queryFn: () =>
      unwrap(
        api.GET("/shop/api/search", {
          params: { query: { shop, q, user: "", session: "", personal: false, page: 1, size: 24, order: "" } },
        }),
      ),
    enabled: q.length > 1,
  });
  if (q.length > 1) {
    return { cards: (found.data?.items ?? []).map((each) => each.card), isLoading: found.isLoading, error: found.error };
  }
  const cards = (front.data?.aisles ?? []).flatMap((aisle) => (aisle.sample ?? []).slice(0, 3)).slice(0, 24);
  return { cards, isLoading: front.isLoading, error: front.error };
}
