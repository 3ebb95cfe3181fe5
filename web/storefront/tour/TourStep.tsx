import { Anchor, Button, CloseButton, Group, Text, Title } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { useEffect, useRef } from "react";

import { useCalls } from "../calls";
import { usePlace } from "../place";
import { useOpened } from "../stage/opened";
import { useVisit } from "../visit";
import { Spotlight } from "./Spotlight";
import { type Seen, STEPS } from "./steps";
import css from "./Tour.module.css";

interface Props {
  place: number;
  onMove: (place: number) => void;
}

/** One step: what it is about, lit up, and what is to be done. It goes on by itself when that is done. */
export default function TourStep({ place, onMove }: Props) {
  const [, ...page] = usePlace();
  const { user } = useVisit();
  const seen: Seen = { page: page.join("/"), user, calls: useCalls(), stage: useOpened() };
  const step = STEPS[place];
  const isDone = !!step?.isDone?.(seen);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
  }, [place]);
  useEffect(() => {
    if (!isDone) return;
    // A moment to see that it was this that did it.
    const timer = window.setTimeout(() => onMove(place + 1), 350);
    return () => window.clearTimeout(timer);
  }, [isDone, place, onMove]);
  useHotkeys([["Escape", () => onMove(-2)]]);
  if (!step) return <TheEnd onClose={() => onMove(-2)} onAgain={() => onMove(0)} />;
  return (
    <>
      <Spotlight target={step.target} place={place} />
      <div className={css.card} role="dialog" aria-modal="false" aria-labelledby="tour-title" data-tour-step={place + 1}>
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <Title order={2} size="h4" id="tour-title" ref={heading} tabIndex={-1} style={{ outline: "none" }}>
            {place + 1}. {step.title}
          </Title>
          <CloseButton aria-label="End the tour" onClick={() => onMove(-2)} />
        </Group>
        <Text size="sm" mt={4}>
          {step.text}
        </Text>
        {step.todo && (
          <div className={css.todo} role="status">
            {isDone ? "Done." : step.todo}
          </div>
        )}
        <Group justify="space-between" mt="md">
          <span className={css.dots} aria-label={`Step ${place + 1} of ${STEPS.length}`} role="img">
            {STEPS.map((each, at) => (
              <span key={each.title} className={css.dot} data-done={at <= place || undefined} />
            ))}
          </span>
          <Group gap={6}>
            <Button size="xs" variant="default" onClick={() => onMove(place - 1)} disabled={!place}>
              Back
            </Button>
            <Button size="xs" variant={step.todo ? "subtle" : "filled"} onClick={() => onMove(place + 1)}>
              {step.todo ? "Skip" : "Next"}
            </Button>
          </Group>
        </Group>
      </div>
    </>
  );
}

function TheEnd({ onClose, onAgain }: { onClose: () => void; onAgain: () => void }) {
  return (
    <div className={css.card} role="dialog" aria-modal="false" aria-labelledby="tour-title" data-tour-step="end">
      <Title order={2} size="h4" id="tour-title">
        That is the engine
      </Title>
      <Text size="sm" mt={4}>
        The same answers go to your own shop over HTTP, with boto3 or the command line. The{" "}
        <Anchor href="/console/home" underline="always">console</Anchor> shows the versions, how good each is, and any shopper in detail.
      </Text>
      <Group justify="flex-end" gap={6} mt="md">
        <Button size="xs" variant="default" onClick={onAgain}>
          Once more
        </Button>
        <Button size="xs" onClick={onClose}>
          Close
        </Button>
      </Group>
    </div>
  );
}
