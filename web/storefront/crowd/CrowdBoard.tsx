import { Button, Group, NumberInput, Skeleton, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, unwrap } from "../../api/client";
import type { CrowdShown } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { useVisit } from "../visit";
import { Numbers } from "./Numbers";
import { Risers } from "./Risers";

const EVERY = 1000;

/** Start and stop the crowd, and watch what it does. */
export default function CrowdBoard() {
  const { shop } = useVisit();
  const queries = useQueryClient();
  const key = ["crowd", shop];
  const { data, error } = useQuery({
    queryKey: key,
    queryFn: () => unwrap(api.GET("/shop/api/crowd", { params: { query: { shop } } })),
    refetchInterval: (query) => (query.state.data?.runs ? EVERY : false),
    staleTime: 0,
  });
  const shown = (crowd: CrowdShown) => queries.setQueryData(key, crowd);
  const stopping = useMutation({
    mutationFn: () => unwrap(api.DELETE("/shop/api/crowd", { params: { query: { shop } } })),
    onSuccess: shown,
  });
  if (error) return <ErrorNote error={error} />;
  if (!data) return <Skeleton h={320} mt="md" />;
  return (
    <Stack mt="md">
      {data.runs ? (
        <Group>
          <Button color="red" variant="light" loading={stopping.isPending} onClick={() => stopping.mutate()}>
            Send them home
          </Button>
          <Text size="sm" role="status">
            {data.shoppers} shoppers, {data.rate} visits a second, for {data.minutes} minutes: {data.seconds.toFixed(0)} s so
            far
          </Text>
        </Group>
      ) : (
        <Start shop={shop} onStarted={shown} />
      )}
      {data.error && <ErrorNote error={data.error} />}
      {(data.runs || data.visits > 0) && (
        <>
          <Numbers crowd={data} />
          <Risers risers={data.risers ?? []} />
          <SameIn same={{ cli: data.command }} />
        </>
      )}
    </Stack>
  );
}

function Start({ shop, onStarted }: { shop: string; onStarted: (crowd: CrowdShown) => void }) {
  const [shoppers, setShoppers] = useState(200);
  const [rate, setRate] = useState(4);
  const [minutes, setMinutes] = useState(5);
  const starting = useMutation({
    mutationFn: () =>
      unwrap(api.POST("/shop/api/crowd", { body: { shop, shoppers, rate, minutes, speed: 40, purpose: "for-you" } })),
    onSuccess: onStarted,
  });
  return (
    <>
      <Group align="flex-end">
        <NumberInput label="Shoppers" value={shoppers} onChange={(value) => setShoppers(Number(value))} min={1} max={2000} w={120} />
        <NumberInput
          label="Visits a second"
          value={rate}
          onChange={(value) => setRate(Number(value))}
          min={0.2}
          max={20}
          step={1}
          w={140}
        />
        <NumberInput label="Minutes" value={minutes} onChange={(value) => setMinutes(Number(value))} min={1} max={30} w={110} />
        <Button loading={starting.isPending} onClick={() => starting.mutate()}>
          Let them come
        </Button>
      </Group>
      {starting.error && <ErrorNote error={starting.error} />}
    </>
  );
}
