import { Code, Stack, Text } from "@mantine/core";

import type { Missing } from "../../api/schema";
import classes from "./ShelfRow.module.css";

/** A shelf that nobody fills yet: how to change that. */
export function MissingShelf({ missing }: { missing: Missing }) {
  return (
    <Stack gap={6} className={classes.missing}>
      <Text size="sm">
        {missing.why ? (
          <>
            The campaign <b>{missing.purpose}</b> cannot be served: {missing.why} Make it anew:
          </>
        ) : (
          <>
            This shop has no campaign <b>{missing.purpose}</b> yet. Make one:
          </>
        )}
      </Text>
      <Code block>{missing.commands.join("\n")}</Code>
    </Stack>
  );
}
