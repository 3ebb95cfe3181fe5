import { Box, Skeleton, useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { TopLevelSpec } from "vega-lite";

import { ErrorNote } from "./ErrorNote";

interface Props {
  /** Vega-Lite, without size: it fills its box. */
  spec: Omit<TopLevelSpec, "width" | "height" | "$schema">;
  height?: number;
  /** What the picture shows, for those who cannot see it. */
  label: string;
}

/** A chart, loaded when it is first needed; interpreted, since the page's policy forbids making code from text. */
export function Chart({ spec, height = 220, label }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme("light");
  const [isReady, setReady] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const text = JSON.stringify(spec);

  useEffect(() => {
    let isGone = false;
    let finalize = () => {};
    void (async () => {
      try {
        const { draw } = await import("./draw");
        if (isGone || !place.current) return;
        finalize = await draw(place.current, JSON.parse(text) as TopLevelSpec, height, scheme);
        setReady(true);
      } catch (problem) {
        if (!isGone) setError(problem);
      }
    })();
    return () => {
      isGone = true;
      finalize();
    };
  }, [text, height, scheme]);

  if (error) return <ErrorNote error={error} />;
  return (
    <Box pos="relative" mih={height}>
      {!isReady && <Skeleton h={height} pos="absolute" inset={0} />}
      <div ref={place} role="img" aria-label={label} />
    </Box>
  );
}
