import { Badge, Button, Group, Progress, SegmentedControl, Stack, Switch, Text, Title } from "@mantine/core";

import { Link } from "wouter";

import type { RunLine } from "../../api/schema";
import { type Column, DataTable } from "../../ui/DataTable";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { screen, useAddress, useShop } from "../where";
import { useRuns } from "./queries";
import { RunPanel } from "./RunPanel";
import classes from "./Runs.module.css";
import { ago, COLOURS, progressOf, shareOf, whatOf } from "./words";

const SIZE = 50;
const STATUSES = ["", "open", "done", "failed", "stopped"] as const;
type Status = (typeof STATUSES)[number];
const TITLES: Record<Status, string> = { "": "All", open: "Open", done: "Done", failed: "Failed", stopped: "Stopped" };

/** What was asked to be done, how far it is, and what went wrong. */
export default function Runs() {
  const [address, change] = useAddress();
  const shop = useShop();
  const status = STATUSES.find((each) => each === address.get("status")) ?? "";
  const everywhere = address.get("all") === "1";
  const page = Math.max(0, Number(address.get("page") ?? 0) || 0);
  const found = useRuns({ shop: everywhere ? "" : shop, status, kind: "", page, size: SIZE });
  const now = found.data?.now ?? Date.now();
  const isEmpty = found.data?.total === 0;
  const open = (run: string | null) => change({ run });
  return (
    <Stack gap="md" maw={1280} mx="auto">
      <div>
        <Title order={1}>Runs</Title>
        <Text c="var(--quiet)" size="sm">
          Imports, trainings, evaluations, batches: how far each is, what it said, and what went wrong.
        </Text>
      </div>
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          aria-label="Status"
          value={status}
          onChange={(value) => change({ status: value || null, page: null })}
          data={STATUSES.map((value) => ({ value, label: labelled(value, found.data) }))}
          size="xs"
        />
        <Switch
          label="All shops"
          checked={everywhere}
          onChange={(event) => change({ all: event.currentTarget.checked ? "1" : null, page: null })}
        />
      </Group>
      {found.error && <ErrorNote error={found.error} retry={() => void found.refetch()} />}
      {isEmpty ? (
        <EmptyState
          title={status ? `No run is ${TITLES[status].toLowerCase()}` : "Nothing was asked for yet"}
          action={
            <Button component={Link} href={screen("models", shop)} variant="light">
              Train a model
            </Button>
          }
        >
          Imports and trainings that are asked for here, or through the API, appear in this list.
        </EmptyState>
      ) : (
        <DataTable<RunLine>
          label="Runs"
          columns={columns(now, open)}
          rows={found.data && [...found.data.runs]}
          total={found.data?.total}
          page={page}
          pageSize={SIZE}
          onPage={(value) => change({ page: value ? String(value) : null })}
          onRow={(run) => open(run.id)}
          height={560}
        />
      )}
      <RunPanel id={address.get("run") ?? ""} onClose={() => open(null)} onOpen={open} />
      <SameIn
        same={{
          cli: `endcap jobs${everywhere || !shop ? "" : ` --shop ${shop}`} --watch`,
          python: [
            "from endcap.jobs.workspace import open_workspace",
            "from endcap.settings import load_settings",
            "",
            "workspace = open_workspace(load_settings())",
            "for job in workspace.jobs.list(workspace.settings.account_key, limit=20):",
            "    print(job.id, job.name, job.resource, job.status, job.reason)",
          ].join("\n"),
          api: `curl -s "$ENDCAP_URL/console/api/runs?shop=${encodeURIComponent(everywhere ? "" : shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
        }}
      />
    </Stack>
  );
}

function labelled(status: Status, told: { open: number; failed: number } | undefined): string {
  const many = status === "open" ? told?.open : status === "failed" ? told?.failed : 0;
  return many ? `${TITLES[status]} (${many})` : TITLES[status];
}

function columns(now: number, open: (id: string) => void): Column<RunLine>[] {
  return [
    {
      id: "what",
      header: "What",
      width: "minmax(170px, 1.2fr)",
      cell: ({ row }) => (
        <Button variant="transparent" size="compact-sm" px={0} onClick={() => open(row.original.id)}>
          {whatOf(row.original)}
        </Button>
      ),
    },
    { id: "of", header: "Of", width: "minmax(160px, 1.4fr)", cell: ({ row }) => row.original.resource },
    { id: "shop", header: "Shop", width: "130px", cell: ({ row }) => row.original.shop || "–" },
    {
      id: "status",
      header: "Status",
      width: "100px",
      cell: ({ row }) => (
        <Badge variant="light" color={COLOURS[row.original.status]}>
          {row.original.cancel && !row.original.ended ? "stopping" : row.original.status}
        </Badge>
      ),
    },
    { id: "progress", header: "Progress", width: "minmax(240px, 2fr)", cell: ({ row }) => <Progressed run={row.original} now={now} /> },
    { id: "asked", header: "Asked for", width: "110px", cell: ({ row }) => ago(row.original.created, now) },
  ];
}

function Progressed({ run, now }: { run: RunLine; now: number }) {
  const share = shareOf(run);
  const said = progressOf(run, now);
  return (
    <div className={classes.progress} title={said}>
      <Text size="xs" truncate c={run.status === "failed" ? "red" : undefined}>
        {said}
      </Text>
      {run.status === "running" && <Progress value={share ?? 100} animated={share === null} size={4} aria-label={said || "Running"} />}
    </div>
  );
}
