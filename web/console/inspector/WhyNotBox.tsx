import { Badge, Button, Card, Code, Group, List, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconX } from "@tabler/icons-react";

import type { WhyNotTold } from "../../api/schema";
import { ErrorNote } from "../../ui/ErrorNote";
import { Picture } from "../../ui/Picture";
import { type Change, type Subject, useWhyNot } from "./asking";
import { Bars } from "./Bars";
import { Path } from "./Path";
import { ItemPick } from "./Picks";
import { count, partName, pictured, stageName, verdictName } from "./words";

/** Ask for an item that is not there. */
export function WhyNotBox({ subject, change }: { subject: Subject; change: Change }) {
  const found = useWhyNot(subject);
  return (
    <Card component="section" aria-labelledby="why-not">
      <Title order={2} size="h3" id="why-not" mb="xs">
        Why not this item?
      </Title>
      <Group align="end" gap="xs" mb={subject.missing ? "md" : 0}>
        <div style={{ flex: 1, minWidth: 220, maxWidth: 460 }}>
          <ItemPick label="The item that you miss" value={subject.missing} subject={subject} onPick={(missing) => change({ missing })} />
        </div>
        {subject.missing && (
          <Button variant="default" leftSection={<IconX size={14} aria-hidden />} onClick={() => change({ missing: null })}>
            Clear
          </Button>
        )}
      </Group>
      {found.error && <ErrorNote error={found.error} />}
      {subject.missing && !found.data && !found.error && <Skeleton h={160} />}
      {found.data && <Told found={found.data} />}
    </Card>
  );
}

function Told({ found }: { found: WhyNotTold }) {
  const isShown = found.verdict === "shown";
  return (
    <Stack gap="md" role="status">
      <Group wrap="nowrap" gap="sm" align="start">
        <Picture item={pictured(found.seen)} size={56} />
        <div style={{ minWidth: 0 }}>
          <Group gap="xs">
            <Text fw={600}>{found.seen.title}</Text>
            <Badge variant="light" color={isShown ? "pine" : "orange"} tt="none">
              {verdictName(found.verdict)}
            </Badge>
          </Group>
          <Text size="sm">{found.said}</Text>
          <Group gap="xs" mt={4}>
            <Fact name="Candidate" value={found.candidate ? `${count(found.candidate)} of ${count(found.candidates)}` : "no"} />
            <Fact name="By score" value={found.among ? `${count(found.among)} of ${count(found.scored)}` : "no score"} />
            {found.overall !== null && found.overall !== found.among && (
              <Fact name="In the whole catalogue" value={count(found.overall)} />
            )}
            {found.bars.length > 1 && <Fact name="Taken out by" value={found.bars.map(stageName).join(", ")} />}
            {found.otherwise !== null && <Fact name="Were it let in" value={`place ${count(found.otherwise)}`} />}
          </Group>
        </div>
      </Group>
      {found.rules.length > 0 && (
        <List size="sm" spacing={4}>
          {found.rules.map((rule) => (
            <List.Item key={rule.text}>
              <Code>{rule.text}</Code>{" "}
              {rule.removes ? <b>takes it out</b> : !rule.applies ? "does not apply to this shopper" : rule.met ? "it meets this" : "it does not meet this"}
            </List.Item>
          ))}
        </List>
      )}
      {found.parts.length > 0 && (
        <Bars
          label="Parts of its score"
          bars={found.parts.map((part) => ({
            name: partName(part.name),
            value: part.value,
            note: part.rank ? `#${count(part.rank)}` : undefined,
          }))}
        />
      )}
      {found.verdict !== "unknown" && found.path.some((step) => step.place !== null) && <Path path={found.path} />}
    </Stack>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <Text size="xs" c="var(--quiet)">
      {name}: <b>{value}</b>
    </Text>
  );
}
