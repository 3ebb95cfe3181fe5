import { Button } from "@mantine/core";
import { IconMasksTheater } from "@tabler/icons-react";
import { lazy, Suspense, useEffect } from "react";

import { openStage, useOpened } from "./opened";
import css from "./Stage.module.css";

const Drawer = lazy(() => import("./StageDrawer"));

/** Behind the scenes: what each click and each shelf really did. Loaded when it is first opened. */
export function Stage() {
  const tab = useOpened();
  useEffect(() => {
    document.documentElement.toggleAttribute("data-behind", tab !== "");
    return () => document.documentElement.removeAttribute("data-behind");
  }, [tab]);
  return (
    <>
      {!tab && (
        <Button
          className={css.open}
          radius="xl"
          size="md"
          leftSection={<IconMasksTheater size={18} aria-hidden />}
          onClick={() => openStage("live")}
          data-tour="stage"
        >
          Behind the scenes
        </Button>
      )}
      {tab && (
        <Suspense fallback={null}>
          <Drawer tab={tab} />
        </Suspense>
      )}
    </>
  );
}
