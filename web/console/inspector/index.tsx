import { Alert, Button, Card, Grid, Group, List, Stack, Text, Title } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import { useEffect } from "react";

import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { Answer, placesOf } from "./Answer";
import { asked, type Subject, useInspectable, useInspected, useSubject } from "./asking";
import { FilterBox } from "./FilterBox";
import { History } from "./History";
import classes from "./Inspector.module.css";
import { Picks } from "./Picks";
import { sameOf } from "./same";
import { Stages } from "./Stages";
import { When } from "./When";
import { Why } from "./Why";
import { WhyNotBox } from "./WhyNotBox";

/** A shopper's history, what they are answered, and why; each part of it can be changed to see what that does. */
export default function Inspector() {
  const [subject, change] = useSubject();
  const inspectable = useInspectable(subject.shop);
  const first = inspectable.data?.shoppers[1]?.user ?? inspectable.data?.shoppers[0]?.user;
  useEffect(() => {
    if (!subject.user && first) change({ user: first });
    // Only where one begins: who was cleared stays cleared until the shop changes.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [first]);

  const found = useInspected(asked(subject), Boolean(subject.user));
  const isLess = subject.without.length > 0;
  const whole = useInspected(asked(subject, { without: [], checks: 0 }), isLess);
  const other = useInspected(asked(subject, { version: subject.against }), Boolean(subject.against && subject.user));
  const shown = found.data?.user === subject.user ? found.data : undefined;
  const item = shown?.items.find((each) => each.item === subject.item) ?? shown?.items[0];
  const isNothing = inspectable.data && inspectable.data.versions.length === 0;

  if (inspectable.error) return <ErrorNote error={inspectable.error} retry={() => void inspectable.refetch()} />;
  return (
    <Stack gap="md" maw={1440} mx="auto">
      <div>
        <Title order={1}>Inspector</Title>
        <Text c="var(--quiet)" size="sm">
          What a shopper did, what they are shown for it, and why. Every reason is measured by answering again.
        </Text>
      </div>
      {isNothing ? (
        <EmptyState title="Nothing is trained yet" command={`endcap train --shop ${subject.shop || "NAME"}`}>
          The inspector needs a version to ask. Train one, on the Models screen or with this command.
        </EmptyState>
      ) : (
        <>
          <Card>
            <Stack gap="sm">
              <Picks subject={subject} change={change} inspectable={inspectable.data} answering={shown?.version ?? ""} />
              <Grid gap="md">
                <Grid.Col span={{ base: 12, md: 5 }}>
                  <When subject={subject} change={change} found={shown} />
                </Grid.Col>
                <Grid.Col span={{ base: 12, md: 7 }}>
                  <FilterBox subject={subject} change={change} inspectable={inspectable.data} />
                </Grid.Col>
              </Grid>
            </Stack>
          </Card>
          {found.error && <ErrorNote error={found.error} retry={() => void found.refetch()} />}
          {shown && <Stages found={shown} />}
          {isLess && <LeftOut subject={subject} change={change} />}
          <div className={classes.columns} data-two={subject.against ? true : undefined}>
            <History found={shown} subject={subject} change={change} />
            <Card component="section" aria-labelledby="answer" className={classes.column}>
              <Title order={2} size="h3" id="answer" mb="xs">
                Recommendations
              </Title>
              <div className={subject.against ? classes.two : undefined}>
                <Answer
                  title={shown ? `${shown.recipe} ${shown.version}` : "…"}
                  found={shown}
                  before={isLess ? placesOf(whole.data) : undefined}
                  chosen={item?.item ?? ""}
                  onChoose={(chosen) => change({ item: chosen })}
                />
                {subject.against && (
                  <Answer
                    title={other.data ? `${other.data.recipe} ${other.data.version}` : `${subject.against} is being loaded …`}
                    found={other.error ? undefined : other.data}
                    before={placesOf(shown)}
                    chosen={item?.item ?? ""}
                    onChoose={(chosen) => change({ item: chosen })}
                  />
                )}
              </div>
              {other.error && <ErrorNote error={other.error} />}
            </Card>
            <Why found={shown} item={item} change={change} />
          </div>
          {shown && (shown.because || shown.notes.length > 0) && (
            <Alert variant="light" color="gray" icon={<IconInfoCircle aria-hidden />}>
              <List size="sm">
                {shown.because && <List.Item>This answer is not personal: {shown.because}.</List.Item>}
                {shown.notes.map((note) => (
                  <List.Item key={note}>{note}</List.Item>
                ))}
              </List>
            </Alert>
          )}
          <WhyNotBox subject={subject} change={change} />
          <SameIn same={sameOf(subject)} />
        </>
      )}
    </Stack>
  );
}

function LeftOut({ subject, change }: { subject: Subject; change: ReturnType<typeof useSubject>[1] }) {
  return (
    <Alert variant="light" color="orange" role="status" icon={<IconInfoCircle aria-hidden />}>
      <Group justify="space-between" gap="sm">
        <Text size="sm">
          This is the answer without {subject.without.length === 1 ? "one event" : `${subject.without.length} events`}. What
          moved is marked.
        </Text>
        <Button size="compact-xs" variant="default" onClick={() => change({ without: null })}>
          Put back
        </Button>
      </Group>
    </Alert>
  );
}
