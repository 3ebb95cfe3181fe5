import { Badge, Group, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import { useMemo } from "react";

import type { ColumnLine, RowsAsk } from "../../api/schema";
import { type Column, DataTable } from "../../ui/DataTable";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { useAddress } from "../where";
import { FilterBar, type FilterRow } from "./FilterBar";
import { moment } from "./format";
import { useRows } from "./queries";

const KINDS = ["interactions", "items", "users"] as const;
const SIZE = 100;
type Row = (string | number | boolean | null)[];

/** Rows of a table: any page of any size of table, sorted and filtered by the server. */
export function Browse({ shop }: { shop: string }) {
  const [address, change] = useAddress();
  const kind = KINDS.find((each) => each === address.get("kind")) ?? "interactions";
  const page = Math.max(0, Number(address.get("page") ?? "1") - 1 || 0);
  const by = address.get("sort") ?? "";
  const descending = address.get("down") === "1";
  const filters = useMemo(() => read(address.get("where")), [address.get("where")]);
  const asked: RowsAsk = { shop, kind, offset: page * SIZE, limit: SIZE, sort: by, descending, filters: JSON.stringify(filters) };
  const found = useRows(asked);
  const columns = found.data?.columns;
  const drawn = useMemo(() => columns?.map(drawnColumn) ?? [], [columns]);
  const filter = (rows: FilterRow[]) => change({ where: rows.length ? JSON.stringify(rows) : null, page: null });
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          aria-label="Table"
          value={kind}
          onChange={(value) => change({ kind: value === "interactions" ? null : value, page: null, sort: null, down: null, where: null })}
          data={KINDS.map((value) => ({ value, label: value === "users" ? "Shoppers" : value[0]?.toUpperCase() + value.slice(1) }))}
        />
        <Group gap="xs">
          {found.data?.preparing && (
            <Badge variant="light" color="yellow" tt="none">
              This order is being prepared; every page is there soon
            </Badge>
          )}
          {found.data && (
            <Text size="xs" c="var(--quiet)" ff="monospace">
              {found.data.ms} ms
            </Text>
          )}
        </Group>
      </Group>
      {columns && <FilterBar columns={columns.map((each) => each.name)} filters={filters} onChange={filter} />}
      {found.error ? (
        <ErrorNote error={found.error} retry={() => void found.refetch()} />
      ) : columns ? (
        <DataTable<Row>
          label={`Rows of ${kind}`}
          columns={drawn}
          rows={found.data?.rows as Row[] | undefined}
          total={found.data?.total}
          page={page}
          pageSize={SIZE}
          onPage={(next) => change({ page: next ? String(next + 1) : null })}
          sorting={{ by, descending }}
          onSort={(next) => change({ sort: next.by, down: next.descending ? "1" : null, page: null })}
          height={560}
        />
      ) : (
        <Skeleton h={620} radius="lg" />
      )}
      <SameIn same={sameOf(asked)} />
    </Stack>
  );
}

function drawnColumn(column: ColumnLine, place: number): Column<Row> {
  const isNumber = /INT|DOUBLE|FLOAT|DECIMAL/.test(column.type);
  return {
    id: column.name,
    header: column.name,
    accessorFn: (row) => row[place],
    cell: (context) => cell(context.getValue(), column),
    width: column.time ? "170px" : isNumber ? "110px" : column.name === "name" || column.name.includes("description") ? "280px" : "150px",
    sort: column.name,
  };
}

function cell(value: unknown, column: ColumnLine): string {
  if (value === null || value === undefined || value === "") return "–";
  if (column.time && typeof value === "number") return moment(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(8)));
  return String(value);
}

function read(text: string | null): FilterRow[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.filter((each): each is FilterRow => Array.isArray(each) && each.length === 3 && each.every((part) => typeof part === "string"));
  } catch {
    return [];
  }
}

function sameOf(asked: RowsAsk) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) query.set(name, String(value));
  return {
    python: [
      "from endcap.lake.rows import Asked, Rows",
      "",
      'rows = Rows(workspace.lake, workspace.settings.home / "rows")',
      `page = rows.page(shop, Asked(${JSON.stringify(asked.kind)}, offset=${asked.offset}, limit=${asked.limit}))`,
      "",
      "# or all of them, as an Arrow table",
      `table = workspace.lake.read(shop, ${JSON.stringify(asked.kind)})`,
    ].join("\n"),
    api: `curl -s "$ENDCAP_URL/console/api/data/rows?${query}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
  };
}
