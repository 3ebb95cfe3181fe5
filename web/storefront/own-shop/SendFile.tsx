import { Button, Group, NativeSelect, Progress as Bar, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { IconFileUpload } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type DragEvent, type FormEvent, useId, useState } from "react";

import { api, unwrap } from "../../api/client";
import { ErrorNote } from "../../ui/ErrorNote";
import { nameOf, openOwnShop } from "./opening";
import css from "./OwnShop.module.css";

const KINDS = { "": "found out from the columns", items: "products", interactions: "orders or events" };
const TYPES = ".xml,.rss,.atom,.tsv,.txt,.csv,.json,.jsonl,.gz,.parquet,.xlsx";

/** Choose or drop a file, name the shop, send it. */
export function SendFile({ onSent }: { onSent: (shop: string) => void }) {
  const input = useId();
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [dialect, setDialect] = useState("");
  const [kind, setKind] = useState("");
  const [isOver, setOver] = useState(false);
  const [share, setShare] = useState(0);
  const known = useQuery({
    queryKey: ["dialects"],
    queryFn: () => unwrap(api.GET("/shop/api/own-shops")),
    staleTime: Infinity,
  });
  const sending = useMutation({
    mutationFn: (given: File) => openOwnShop({ name, file: given, dialect, kind }, setShare),
    onSuccess: (made) => onSent(made.shop),
  });
  const take = (given: File | undefined) => {
    if (!given) return;
    setFile(given);
    setName((before) => before || nameOf(given.name));
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (file) sending.mutate(file);
  };
  return (
    <form onSubmit={send}>
      <Stack>
        <label
          htmlFor={input}
          className={css.drop}
          data-over={isOver || undefined}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <input
            id={input}
            className={css.hidden}
            type="file"
            accept={TYPES}
            onChange={(event) => take(event.currentTarget.files?.[0])}
          />
          <IconFileUpload size={34} aria-hidden />
          <Text fw={650}>{file ? file.name : "Drop a file here, or choose one"}</Text>
          <Text size="sm" c="var(--quiet)">
            {file
              ? `${Math.max(1, Math.round(file.size / 1024)).toLocaleString("en-GB")} kB`
              : "Google Merchant feed (XML or tab-separated), Shopify products.json, CSV, JSON Lines, Parquet, Excel"}
          </Text>
        </label>
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <TextInput
            label="Name of the shop"
            description="Letters, digits, - and _"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            pattern="[a-zA-Z0-9][a-zA-Z0-9_\-]{0,62}"
            required
          />
          <NativeSelect
            label="Kind of file"
            description="Seldom needed"
            value={dialect}
            onChange={(event) => setDialect(event.currentTarget.value)}
            data={[{ value: "", label: "found out" }, ...(known.data?.dialects ?? [])]}
          />
          <NativeSelect
            label="What it holds"
            description="Seldom needed"
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value)}
            data={Object.entries(KINDS).map(([value, label]) => ({ value, label }))}
          />
        </SimpleGrid>
        {sending.isPending && <Bar value={share * 100} aria-label="Sent" />}
        {sending.error && <ErrorNote error={sending.error} />}
        <Group justify="flex-end">
          <Button type="submit" size="md" disabled={!file || !name} loading={sending.isPending}>
            Open the shop
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
