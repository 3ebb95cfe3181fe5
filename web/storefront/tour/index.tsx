import { Button, CloseButton, Group } from "@mantine/core";
import { IconRoute } from "@tabler/icons-react";
import { lazy, Suspense } from "react";

import { useTourPlace } from "./progress";
import { STEPS } from "./steps";
import css from "./Tour.module.css";

const TourStep = lazy(() => import("./TourStep"));

/** A guided tour of ten steps, each of which waits until it is really done. */
export function Tour() {
  const [place, setPlace] = useTourPlace();
  if (place === -2 || place > STEPS.length) return null;
  if (place < 0) {
    return (
      <Group className={css.offer} gap={4} wrap="nowrap">
        <Button radius="xl" size="md" variant="default" leftSection={<IconRoute size={18} aria-hidden />} onClick={() => setPlace(0)}>
          <span className={css.long}>Take the&nbsp;</span>
          <span className={css.word}>tour</span>
        </Button>
        <CloseButton aria-label="No tour" onClick={() => setPlace(-2)} />
      </Group>
    );
  }
  return (
    <Suspense fallback={null}>
      <TourStep place={place} onMove={setPlace} />
    </Suspense>
  );
}
