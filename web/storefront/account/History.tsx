import { Badge, Skeleton, Stack, Text } from "@mantine/core";

import type { AccountLine } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import classes from "../cart/Cart.module.css";
import { Item } from "./Item";
import { moment } from "./when";

/** What the shopper did, the newest first. */
export function History({ lines }: { lines: AccountLine[] | undefined }) {
  if (!lines) return <Skeleton h={480} radius="lg" />;
  if (!lines.length) return <EmptyState title="Nothing yet">Open a product, and it stands here.</EmptyState>;
  return (
    <Stack gap={0}>
      <ul className={classes.lines}>
        {lines.map((line, place) => (
          <Item
            key={`${place}/${line.time}/${line.card.item}`}
            card={line.card}
            end={
              <Badge variant="light" color={line.refuses ? "red" : line.live ? "pine" : "gray"} tt="none">
                {line.eventType}
              </Badge>
            }
          >
            <Text size="xs" c="var(--quiet)">
              {moment(line.time)}
              {line.live && " · just now, in no training yet"}
            </Text>
          </Item>
        ))}
      </ul>
    </Stack>
  );
}
