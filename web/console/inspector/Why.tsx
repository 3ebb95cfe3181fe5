import { Badge, Button, Card, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";

import type { Inspected, WhyItem } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import type { Change } from "./asking";
import { Bars } from "./Bars";
import classes from "./Inspector.module.css";
import { Path } from "./Path";
import { featureName, partName, percent, pictured } from "./words";

const FEATURES = 8;

interface Props {
  found: Inspected | undefined;
  item: WhyItem | undefined;
  change: Change;
}

/** Why one item stands where it does. */
export function Why({ found, item, change }: Props) {
  return (
    <Card component="section" aria-labelledby="why" className={classes.column}>
      <Title order={2} size="h3" id="why" mb="xs">
        Why
      </Title>
      {!found && <Skeleton h={420} />}
      {found && !item && (
        <Text size="sm" c="var(--quiet)">
          Pick an item to see what put it there.
        </Text>
      )}
      {found && item && <Explained found={found} item={item} change={change} />}
    </Card>
  );
}

function Explained({ found, item, change }: { found: Inspected; item: WhyItem; change: Change }) {
  const seen = found.seen[item.item];
  const parts = item.parts ?? [];
  const features = item.features ?? [];
  return (
    <Stack gap="md">
      <Group wrap="nowrap" gap="sm">
        {seen && <Picture item={pictured(seen)} size={56} />}
        <div style={{ minWidth: 0 }}>
          <Text fw={600} lineClamp={2}>
            {item.title}
          </Text>
          <Text size="sm" c="var(--quiet)">
            {item.reason}
          </Text>
          <Group gap={6} mt={4}>
            <Badge variant="light" size="sm" tt="none">
              place {item.place}
            </Badge>
            {item.score != null && (
              <Badge variant="light" size="sm" color="gray" tt="none">
                {percent(item.score)} likely
              </Badge>
            )}
            {item.among != null && (
              <Badge variant="light" size="sm" color="gray" tt="none">
                {item.among} by score
              </Badge>
            )}
            {item.promotion && (
              <Badge variant="light" size="sm" color="orange">
                promoted
              </Badge>
            )}
            {item.propensity != null && item.propensity < 1 && (
              <Badge variant="light" size="sm" color="gray" tt="none">
                by chance {percent(item.propensity)}
              </Badge>
            )}
          </Group>
        </div>
      </Group>
      <Causes item={item} found={found} change={change} />
      {parts.length > 0 && (
        <div>
          <Text size="sm" fw={600} mb={4} title="#: its place by this source alone">
            Score of the retrieval: {item.weight?.toFixed(2)}
          </Text>
          <Bars
            label="Parts of the score"
            bars={parts.map((part) => ({
              name: partName(part.name),
              value: part.value,
              note: part.rank ? `#${part.rank.toLocaleString("en")}` : undefined,
            }))}
          />
        </div>
      )}
      {features.length > 0 && (
        <div>
          <Text size="sm" fw={600} mb={4}>
            Score of the ranker: {item.ranked?.toFixed(2)}
          </Text>
          <Bars
            label="What each feature adds"
            bars={features.slice(0, FEATURES).map((each) => ({
              name: featureName(each.name),
              value: each.adds,
              note: each.value === null || each.value === undefined ? "unknown" : `is ${Number(each.value.toPrecision(3))}`,
            }))}
          />
          <Text size="xs" c="var(--quiet)" mt={2}>
            {features.length > FEATURES ? `${features.length - FEATURES} more add less. ` : ""}All begin at{" "}
            {(item.rankedBase ?? 0).toFixed(2)}.
          </Text>
        </div>
      )}
      <Path path={item.path ?? []} />
    </Stack>
  );
}

function Causes({ item, found, change }: { item: WhyItem; found: Inspected; change: Change }) {
  const causes = item.causes ?? [];
  if (causes.length === 0) {
    return (
      <Text size="sm" c="var(--quiet)">
        {found.groups.length > 0
          ? `None of the ${found.groups.length} groups of events that were left out one by one moves it.`
          : "No past events were looked at for it."}
      </Text>
    );
  }
  return (
    <Stack gap={6}>
      <Text size="sm" fw={600}>
        Checked by answering again
      </Text>
      {causes.map((cause) => (
        <Group key={`${cause.kind} ${cause.item}`} className={classes.sentence} justify="space-between" wrap="nowrap" gap="xs">
          <Text size="sm">{cause.sentence}</Text>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconPlayerPlay size={12} aria-hidden />}
            onClick={() => change({ without: cause.places })}
            aria-label={`Run it: ${cause.sentence}`}
            style={{ flexShrink: 0 }}
          >
            Run it
          </Button>
        </Group>
      ))}
    </Stack>
  );
}
