import { Box, Group, Pagination, Skeleton, Text, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { type ColumnDef, FlexRender, type RowData, tableFeatures, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";

import classes from "./DataTable.module.css";

const features = tableFeatures({});
const HEIGHT = 38;

export type Column<Row extends RowData> = ColumnDef<typeof features, Row> & {
  /** A CSS width, as of grid columns: `120px`, `2fr`. */
  width?: string;
  /** The name by which the server sorts, where it can. */
  sort?: string;
};

export interface Sorting {
  by: string;
  descending: boolean;
}

interface Props<Row extends RowData> {
  label: string;
  columns: Column<Row>[];
  /** The rows of this page; undefined while they come. */
  rows: Row[] | undefined;
  /** How many rows there are in all, over all pages. */
  total: number | undefined;
  page: number;
  pageSize: number;
  onPage: (page: number) => void;
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
  onRow?: (row: Row) => void;
  height?: number;
}

/** Rows of a page that the server cuts, of which only those in sight are drawn. */
export function DataTable<Row extends RowData>(props: Props<Row>) {
  const { columns, rows, total, page, pageSize, height = 480 } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const table = useTable({ features, columns: columns as ColumnDef<typeof features, Row>[], data: rows ?? [] });
  const made = table.getRowModel().rows;
  const virtual = useVirtualizer({
    count: rows ? made.length : 12,
    getScrollElement: () => scroller.current,
    estimateSize: () => HEIGHT,
    overscan: 8,
  });
  const template = columns.map((column) => column.width ?? "1fr").join(" ");
  const pages = Math.max(1, Math.ceil((total ?? 0) / pageSize));
  const width = { gridTemplateColumns: template };
  return (
    <Box className={classes.box}>
      <div ref={scroller} className={classes.scroller} style={{ maxHeight: height }} tabIndex={0}>
        <div role="table" aria-label={props.label} aria-rowcount={total ?? -1} className={classes.table}>
          <div role="row" className={classes.head} style={width}>
            {table.getFlatHeaders().map((header, place) => (
              <Head key={header.id} column={columns[place] as Column<Row>} {...props}>
                <FlexRender header={header} />
              </Head>
            ))}
          </div>
          <div role="rowgroup" className={classes.rows} style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const row = made[item.index];
              const at = { ...width, transform: `translateY(${item.start}px)`, height: HEIGHT };
              if (!row) return <Skeleton key={item.key} h={HEIGHT - 8} className={classes.row} style={at} />;
              return (
                <div
                  key={item.key}
                  role="row"
                  aria-rowindex={page * pageSize + item.index + 2}
                  className={classes.row}
                  data-clickable={props.onRow ? true : undefined}
                  style={at}
                  onClick={() => props.onRow?.(row.original)}
                >
                  {row.getAllCells().map((cell) => (
                    <div role="cell" key={cell.id} className={classes.cell}>
                      <FlexRender cell={cell} />
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <Group justify="space-between" p="xs" wrap="wrap">
        <Text size="xs" c="var(--quiet)">
          {total === undefined ? "…" : `${total.toLocaleString("en")} rows`}
        </Text>
        {pages > 1 && (
          <Pagination
            size="sm"
            total={pages}
            value={page + 1}
            onChange={(value) => props.onPage(value - 1)}
            withEdges
            getControlProps={(control) => ({ "aria-label": `${control} page` })}
          />
        )}
      </Group>
    </Box>
  );
}

interface HeadProps<Row extends RowData> extends Props<Row> {
  column: Column<Row>;
  children: React.ReactNode;
}

function Head<Row extends RowData>({ column, sorting, onSort, children }: HeadProps<Row>) {
  const name = column.sort;
  if (!name || !onSort) {
    return (
      <div role="columnheader" className={classes.cell}>
        {children}
      </div>
    );
  }
  const isOn = sorting?.by === name;
  const order = isOn ? (sorting.descending ? "descending" : "ascending") : "none";
  return (
    <div role="columnheader" aria-sort={order} className={classes.cell}>
      <UnstyledButton className={classes.sort} onClick={() => onSort({ by: name, descending: isOn ? !sorting.descending : true })}>
        {children}
        {isOn && (sorting.descending ? <IconArrowDown size={14} aria-hidden /> : <IconArrowUp size={14} aria-hidden />)}
      </UnstyledButton>
    </div>
  );
}
