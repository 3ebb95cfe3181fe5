import { Button, Group, Progress, Stack, Text } from "@mantine/core";
import { IconFileUpload } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { type DragEvent, useRef, useState } from "react";

import { ErrorNote } from "../../ui/ErrorNote";
import classes from "./DropFiles.module.css";
import { size } from "./format";
import { sendFile, useUploads } from "./queries";

interface Sending {
  name: string;
  bytes: number;
  share: number;
}

/** Drop or choose files; each is sent as it is, whatever its size. Those that wait can be taken up again. */
export function DropFiles({ shop, onDone }: { shop: string; onDone: (ids: string[]) => void }) {
  const chooser = useRef<HTMLInputElement>(null);
  const waiting = useUploads(shop);
  const known = useQueryClient();
  const [sending, setSending] = useState<Sending[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [isOver, setOver] = useState(false);
  const largest = waiting.data?.largest ?? 4 * 2 ** 30;

  const send = async (files: File[]) => {
    if (!files.length || !shop) return;
    setError(null);
    const tooLarge = files.find((file) => file.size > largest);
    if (tooLarge) {
      setError(new Error(`${tooLarge.name} has ${size(tooLarge.size)}, at most ${size(largest)} are taken. Cut it, or import it with endcap import.`));
      return;
    }
    setSending(files.map((file) => ({ name: file.name, bytes: file.size, share: 0 })));
    try {
      const ids: string[] = [];
      for (const [place, file] of files.entries()) {
        const told = (share: number) => setSending((all) => all.map((each, other) => (other === place ? { ...each, share } : each)));
        ids.push((await sendFile(shop, file, told)).id);
      }
      void known.invalidateQueries({ queryKey: ["uploads", shop] });
      onDone(ids);
    } catch (problem) {
      setError(problem);
    } finally {
      setSending([]);
    }
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void send([...event.dataTransfer.files]);
  };

  return (
    <Stack gap="md">
      <div
        className={classes.zone}
        data-over={isOver || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <IconFileUpload size={36} stroke={1.4} aria-hidden />
        <Text fw={600}>Drop files here</Text>
        <Text size="sm" c="var(--quiet)" ta="center">
          CSV, TSV, JSON Lines, Parquet or Excel, plain or .gz, up to {size(largest)} each. Files that belong together can come together.
        </Text>
        <Button onClick={() => chooser.current?.click()} disabled={!shop} loading={sending.length > 0}>
          Choose files
        </Button>
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          aria-label="Files to import"
          onChange={(event) => {
            void send([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
      </div>
      {sending.map((file) => (
        <div key={file.name}>
          <Group justify="space-between">
            <Text size="sm">{file.name}</Text>
            <Text size="sm" c="var(--quiet)">
              {size(file.share * file.bytes)} of {size(file.bytes)}
            </Text>
          </Group>
          <Progress value={file.share * 100} aria-label={`Sending ${file.name}`} />
        </div>
      ))}
      {error ? <ErrorNote error={error} /> : null}
      {waiting.data && waiting.data.uploads.length > 0 && (
        <Group gap="xs">
          <Text size="sm" c="var(--quiet)">
            Waiting since before:
          </Text>
          {waiting.data.uploads.slice(-5).map((file) => (
            <Button key={file.id} size="compact-sm" variant="default" onClick={() => onDone([file.id])}>
              {file.name} ({size(file.size)})
            </Button>
          ))}
        </Group>
      )}
    </Stack>
  );
}
