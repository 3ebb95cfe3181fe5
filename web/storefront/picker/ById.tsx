import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "../../api/client";
import { ErrorNote } from "../../ui/ErrorNote";
import { useVisit } from "../visit";

/** Somebody whose id one knows. */
export function ById({ onChoose }: { onChoose: (user: string) => void }) {
  const { shop } = useVisit();
  const [typed, setTyped] = useState("");
  const [starts] = useDebouncedValue(typed.trim(), 200);
  const { data, error } = useQuery({
    queryKey: ["shoppers", shop, starts],
    queryFn: () => unwrap(api.GET("/shop/api/shoppers", { params: { query: { shop, starts } } })),
    enabled: starts.length > 0,
    placeholderData: keepPreviousData,
  });
  return (
    <Stack>
      <TextInput
        label="The shopper’s id"
        description="Anybody may shop: an id that the shop does not know begins without a past."
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        maxLength={256}
      />
      {error && <ErrorNote error={error} />}
      <Group gap={6}>
        {(starts ? (data?.users ?? []) : []).map((user) => (
          <Button key={user} size="xs" variant="default" onClick={() => onChoose(user)}>
            {user}
          </Button>
        ))}
      </Group>
      {starts && data && !data.users.length && (
        <Text size="sm" c="var(--quiet)">
          No shopper’s id begins so.
        </Text>
      )}
      <Group justify="flex-end">
        <Button disabled={!starts} onClick={() => onChoose(starts)}>
          Shop as {starts || "…"}
        </Button>
      </Group>
    </Stack>
  );
}
