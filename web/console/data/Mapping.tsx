import { Alert, Badge, Button, Group, SegmentedControl, Select, Skeleton, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconBookmark } from "@tabler/icons-react";
import { useState } from "react";

import type { FilePreview, PreviewAsk } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { Fields } from "./Fields";
import { FirstRows } from "./FirstRows";
import { count, size } from "./format";
import { usePreview, useStart } from "./queries";

interface Props {
  shop: string;
  uploads: string[];
  onStarted: (id: string) => void;
  onOther: () => void;
}

/** Which column is what, as recognised, remembered or said; the first rows before and after. */
export function Mapping({ shop, uploads, onStarted, onOther }: Props) {
  const [said, setSaid] = useState<Record<string, string> | null>(null);
  const [kind, setKind] = useState<string | null>(null);
  const [dialect, setDialect] = useState<string | null>(null);
  const [mode, setMode] = useState("FULL");
  const asked: PreviewAsk = { shop, uploads, mapping: said, kind, dialect };
  const found = usePreview(asked);
  const start = useStart();
  if (found.error) {
    return (
      <Stack>
        <ErrorNote error={found.error} retry={() => void found.refetch()} />
        <Button variant="default" w="fit-content" onClick={onOther}>
          Take another file
        </Button>
      </Stack>
    );
  }
  if (!found.data) return <Skeleton h={420} radius="md" />;
  const { files, problem, fix, remembered, mapping, choices, dialects } = found.data;
  const change = (field: string, column: string) => {
    const next = { ...(said ?? mapping) };
    if (column) next[field] = column;
    else delete next[field];
    setSaid(next);
  };
  const begin = (dryRun: boolean) =>
    start.mutate(
      { shop, uploads, mapping: said ?? (remembered ? null : {}), kind, dialect, mode, dryRun },
      { onSuccess: (made) => onStarted(made.id) },
    );
  return (
    <Stack gap="md" aria-busy={found.isFetching}>
      <Group gap="sm" align="flex-end">
        <Select
          label="Dialect"
          description={`Detected: ${found.data.dialect}`}
          data={[{ value: "", label: "Detect" }, ...dialects.map((value) => ({ value, label: value }))]}
          value={dialect ?? ""}
          onChange={(value) => setDialect(value || null)}
          w={190}
        />
        <Select
          label="Each row is"
          description="By the columns"
          data={[
            { value: "", label: "Detect" },
            { value: "interactions", label: "something a shopper did" },
            { value: "items", label: "an item of the catalogue" },
            { value: "users", label: "a shopper" },
          ]}
          value={kind ?? ""}
          onChange={(value) => setKind(value || null)}
          w={240}
        />
        {remembered && (
          <Badge variant="light" leftSection={<IconBookmark size={12} aria-hidden />} tt="none" size="lg">
            Read as last time
          </Badge>
        )}
      </Group>
      {problem && (
        <Alert color="yellow" variant="light" title="Something is missing" icon={<IconAlertTriangle aria-hidden />} role="alert">
          <Text size="sm">{problem}</Text>
          <Text size="sm" fw={600}>
            {found.data.column ? `Choose the column for ${found.data.column.toLowerCase()} below.` : fix}
          </Text>
        </Alert>
      )}
      {files.map((file) => (
        <File key={file.file} file={file}>
          <Fields file={file} choices={choices[file.kind] ?? []} onChange={change} />
          <FirstRows file={file} />
        </File>
      ))}
      {found.data.notes.map((note) => (
        <Text key={note} size="xs" c="var(--quiet)">
          {note}
        </Text>
      ))}
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          aria-label="What happens to rows that are there"
          value={mode}
          onChange={setMode}
          data={[
            { value: "FULL", label: "Replace the table" },
            { value: "INCREMENTAL", label: "Add to it" },
          ]}
        />
        <Group gap="sm">
          <Button variant="default" disabled={Boolean(problem)} loading={start.isPending} onClick={() => begin(false)}>
            Import at once
          </Button>
          <Button disabled={Boolean(problem)} loading={start.isPending} onClick={() => begin(true)}>
            Try it first
          </Button>
        </Group>
      </Group>
      {start.error ? <ErrorNote error={start.error} /> : null}
    </Stack>
  );
}

function File({ file, children }: { file: FilePreview; children: React.ReactNode }) {
  const rows = file.rows === null ? "" : ` · ${count(file.rows)} rows`;
  return (
    <Stack gap="sm" component="section" aria-label={file.file}>
      <Group gap="xs">
        <Text fw={600}>{file.file}</Text>
        <Text size="sm" c="var(--quiet)">
          {file.format} · {size(file.size)}
          {rows} · read as {file.kind === "users" ? "shoppers" : file.kind}
        </Text>
      </Group>
      {children}
    </Stack>
  );
}
