import { CloseButton, Tabs, Title } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { useEffect, useRef } from "react";

import { BeforeAfter } from "./BeforeAfter";
import { LiveCalls } from "./LiveCalls";
import { openStage, type Tab } from "./opened";
import css from "./Stage.module.css";
import { Tastes } from "./Tastes";
import { WhyThese } from "./WhyThese";

/** The drawer beside the shop; the shop stays in use while it is open. */
export default function StageDrawer({ tab }: { tab: Tab }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
  }, []);
  useHotkeys([["Escape", () => openStage("")]]);
  return (
    <aside className={css.drawer} aria-labelledby="stage-title" data-stage={tab}>
      <div className={css.head}>
        <Title order={2} size="h3" id="stage-title" ref={heading} tabIndex={-1} style={{ outline: "none" }}>
          Behind the scenes
        </Title>
        <CloseButton aria-label="Close behind the scenes" onClick={() => openStage("")} />
      </div>
      <Tabs
        value={tab}
        onChange={(value) => openStage((value ?? "live") as Tab)}
        keepMounted={false}
        style={{ display: "flex", flexDirection: "column", minHeight: 0, flex: 1 }}
      >
        <Tabs.List px="md" grow>
          <Tabs.Tab value="live">Live</Tabs.Tab>
          <Tabs.Tab value="why">Why</Tabs.Tab>
          <Tabs.Tab value="tastes">Tastes</Tabs.Tab>
          <Tabs.Tab value="shelves">Before · after</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="live" className={css.body}>
          <LiveCalls />
        </Tabs.Panel>
        <Tabs.Panel value="why" className={css.body}>
          <WhyThese />
        </Tabs.Panel>
        <Tabs.Panel value="tastes" className={css.body}>
          <Tastes />
        </Tabs.Panel>
        <Tabs.Panel value="shelves" className={css.body}>
          <BeforeAfter />
        </Tabs.Panel>
      </Tabs>
    </aside>
  );
}
