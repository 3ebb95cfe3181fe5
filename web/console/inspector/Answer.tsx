import { Group, Skeleton, Stack, Text, UnstyledButton } from "@mantine/core";

import type { Inspected } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import classes from "./Inspector.module.css";
import { Moved } from "./Moved";
import { partName, percent, pictured } from "./words";

interface Props {
  title: string;
  found: Inspected | undefined;
  /** What it is compared with: places by item. */
  before?: Map<string, number>;
  chosen: string;
  onChoose: (item: string) => void;
}

/** One answer, item by item; what moved against another is marked. */
export function Answer({ title, found, before, chosen, onChoose }: Props) {
  return (
    <Stack gap={4} miw={0}>
      <Text size="xs" c="var(--quiet)" truncate title={title}>
        {title}
      </Text>
      {!found && [...Array(8).keys()].map((place) => <Skeleton key={place} h={50} radius="md" />)}
      {found && found.items.length === 0 && (
        <Text size="sm" c="var(--quiet)">
          Nothing may be shown. The counts above say what takes items out.
        </Text>
      )}
      {found?.items.map((item) => {
        const seen = found.seen[item.item];
        const place = item.place ?? 0;
        return (
          <UnstyledButton
            key={item.item}
            className={`${classes.row} ${classes.item}`}
            data-chosen={item.item === chosen || undefined}
            aria-pressed={item.item === chosen}
            onClick={() => onChoose(item.item)}
          >
            <span className={classes.place}>{place}</span>
            {seen ? <Picture item={pictured(seen)} size={38} /> : <span />}
            <div style={{ minWidth: 0 }}>
              <Text size="sm" fw={550} truncate title={item.title}>
                {item.title}
              </Text>
              <Text size="xs" c="var(--quiet)" truncate title={item.reason}>
                {item.reason || partName(item.source ?? "")}
              </Text>
            </div>
            <Group gap={6} wrap="nowrap">
              {before && <Moved before={before.get(item.item) ?? null} after={place} />}
              {item.score != null && (
                <Text span size="xs" c="var(--quiet)" style={{ fontVariantNumeric: "tabular-nums" }}>
                  {percent(item.score)}
                </Text>
              )}
            </Group>
          </UnstyledButton>
        );
      })}
    </Stack>
  );
}

/** Places by item. */
export function placesOf(found: Inspected | undefined): Map<string, number> | undefined {
  return found && new Map(found.items.map((item) => [item.item, item.place ?? 0]));
}
