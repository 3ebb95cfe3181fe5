import { ActionIcon, Badge, Button, Card, Group, Skeleton, Text, Title, Tooltip, VisuallyHidden } from "@mantine/core";
import { IconArrowsSort, IconEyeOff, IconRestore } from "@tabler/icons-react";

import type { HistoryEvent, Inspected } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import type { Change, Subject } from "./asking";
import classes from "./Inspector.module.css";
import { count, deed, moment, pictured } from "./words";

const SHOWN = 120;

interface Props {
  found: Inspected | undefined;
  subject: Subject;
  change: Change;
}

/** What the shopper did, newest first; each can be left out to see what that does. */
export function History({ found, subject, change }: Props) {
  const out = new Set(subject.without);
  const effects = new Map(found?.groups.flatMap((group) => group.places.map((place) => [place, group.moved] as const)));
  const toggle = (place: number) => {
    const next = out.has(place) ? subject.without.filter((each) => each !== place) : [...subject.without, place];
    change({ without: next });
  };
  return (
    <Card component="section" aria-labelledby="history" className={classes.column}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Title order={2} size="h3" id="history">
          History
        </Title>
        {subject.without.length > 0 && (
          <Button size="compact-xs" variant="light" leftSection={<IconRestore size={14} aria-hidden />} onClick={() => change({ without: null })}>
            Put {subject.without.length} back
          </Button>
        )}
      </Group>
      {!found && <Skeleton h={420} />}
      {found && found.history.length === 0 && (
        <Text size="sm" c="var(--quiet)">
          Nothing is known of this shopper{found.because ? `: ${found.because}` : ""}. Pick another, or send an event.
        </Text>
      )}
      {found && found.history.length > 0 && (
        <>
          <ul className={classes.list} tabIndex={0} aria-label="Events, newest first">
            {found.history.slice(0, SHOWN).map((event) => (
              <Row key={event.place} event={event} found={found} moved={effects.get(event.place)} onToggle={toggle} />
            ))}
          </ul>
          <Text size="xs" c="var(--quiet)" mt="xs">
            {count(Math.min(SHOWN, found.history.length))} of {count(found.events)} events
          </Text>
        </>
      )}
    </Card>
  );
}

interface RowProps {
  event: HistoryEvent;
  found: Inspected;
  moved: number | undefined;
  onToggle: (place: number) => void;
}

function Row({ event, found, moved, onToggle }: RowProps) {
  const seen = found.seen[event.item];
  const title = seen?.title ?? (event.item || "an unknown item");
  const isLater = !event.used && event.time >= found.now;
  const said = `${event.used ? "Leave out" : "Put back"} this ${deed(event.eventType)} of ${title}`;
  return (
    <li className={classes.row} data-out={!event.used || undefined}>
      {seen ? <Picture item={pictured(seen)} size={34} /> : <span />}
      <div style={{ minWidth: 0 }}>
        <Text size="sm" truncate title={title}>
          {title}
        </Text>
        <Text size="xs" c="var(--quiet)" truncate>
          {deed(event.eventType)} · {moment(event.time)}
          {event.streamed ? " · live" : ""}
          {event.known ? "" : " · unknown to the version"}
        </Text>
      </div>
      <Group gap={4} wrap="nowrap">
        {moved !== undefined && moved > 0 && event.used && (
          <Tooltip label={`Without it, ${moved} items stand elsewhere`}>
            <Badge size="sm" variant="light" color="gray" leftSection={<IconArrowsSort size={11} aria-hidden />} tt="none">
              {moved}
              <VisuallyHidden> items stand elsewhere without it</VisuallyHidden>
            </Badge>
          </Tooltip>
        )}
        {!isLater && (
          <Tooltip label={event.used ? "Answer without it" : "Put it back"}>
            <ActionIcon aria-label={said} color={event.used ? "gray" : "orange"} onClick={() => onToggle(event.place)}>
              {event.used ? <IconEyeOff size={16} /> : <IconRestore size={16} />}
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
    </li>
  );
}
