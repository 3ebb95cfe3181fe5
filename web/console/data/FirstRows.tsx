import { SegmentedControl, Table, Text, Tooltip } from "@mantine/core";
import { IconAlertCircle, IconCircleCheck } from "@tabler/icons-react";
import { useState } from "react";

import type { FilePreview } from "../../api/schema";
import classes from "./FirstRows.module.css";

/** The first rows as they stand in the file, and as they would be read, with what is wrong about each. */
export function FirstRows({ file }: { file: FilePreview }) {
  const [chosen, setShown] = useState("read");
  const shown = file.read.length ? chosen : "file";
  const heads = shown === "read" ? file.fields.map((each) => each.field) : file.columns;
  const rows = shown === "read" ? file.read : file.sample;
  return (
    <div>
      <SegmentedControl
        size="xs"
        mb="xs"
        aria-label="First rows"
        value={shown}
        onChange={setShown}
        data={[
          { value: "read", label: "As it will be read", disabled: file.read.length === 0 },
          { value: "file", label: "As it stands in the file" },
        ]}
      />
      <div className={classes.scroller} tabIndex={0}>
        <Table aria-label={`First rows of ${file.file}`} withRowBorders verticalSpacing={4} stickyHeader>
          <Table.Thead>
            <Table.Tr>
              {shown === "read" && <Table.Th aria-label="Verdict" w={36} />}
              {heads.map((head) => (
                <Table.Th key={head}>{head}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row, place) => (
              // Rows of a sample have no identity but their place.
              <Table.Tr key={place} data-bad={(shown === "read" && file.reasons[place]) || undefined} className={classes.row}>
                {shown === "read" && (
                  <Table.Td>
                    <Verdict reason={file.reasons[place] ?? ""} />
                  </Table.Td>
                )}
                {row.map((cell, column) => (
                  <Table.Td key={heads[column] ?? column} className={classes.cell}>
                    {cell || <Text span c="var(--quiet)">–</Text>}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </div>
  );
}

function Verdict({ reason }: { reason: string }) {
  if (!reason) return <IconCircleCheck size={16} className={classes.good} role="img" aria-label="Would be accepted" />;
  return (
    <Tooltip label={reason}>
      <IconAlertCircle size={16} className={classes.bad} role="img" aria-label={`Would be rejected: ${reason}`} />
    </Tooltip>
  );
}
