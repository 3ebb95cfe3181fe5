import { Card, SimpleGrid, Skeleton, Text, Tooltip } from "@mantine/core";

import type { HomeShown, Tile } from "../../api/schema";
import classes from "./Home.module.css";
import { Spark } from "./Spark";

const TITLES: Record<string, string> = {
  answers: "Answers",
  half: "Half answered within (p50)",
  most: "99 of 100 within (p99)",
  events: "Events",
  fallback: "Fallback answers",
  stale: "Stale answers",
  clicks: "Acted on of what was shown",
  coverage: "Catalogue shown",
};

/** Numbers with their past, and where they come from. */
export function Tiles({ found }: { found: HomeShown | undefined }) {
  if (!found) {
    return (
      <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
        {[...Array(8).keys()].map((place) => (
          <Skeleton key={place} h={128} radius="lg" />
        ))}
      </SimpleGrid>
    );
  }
  return (
    <div>
      <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
        {found.tiles.map((tile) => (
          <One key={tile.name} tile={tile} isCounting={found.counting} />
        ))}
      </SimpleGrid>
      <Text size="xs" c="var(--quiet)" mt="xs">
        Rates and times are those of this server process since {new Date(found.since).toLocaleTimeString("en-GB")}, kept in memory for
        an hour; shares of what was shown are counted in the lake over 14 days.
      </Text>
    </div>
  );
}

function One({ tile, isCounting }: { tile: Tile; isCounting: boolean }) {
  const title = TITLES[tile.name] ?? tile.name;
  const ofLake = tile.source.includes("lake");
  const said = tile.value == null ? (ofLake && isCounting ? "…" : "–") : written(tile.value, tile.unit);
  return (
    <Card mih={128} padding="md">
      <Tooltip label={tile.source} multiline maw={280}>
        <Text size="sm" c="var(--quiet)" tabIndex={0}>
          {title}
        </Text>
      </Tooltip>
      <Text component="div" className={classes.value}>
        {said}
        {tile.value != null && tile.unit !== "share" && (
          <Text span size="sm" c="var(--quiet)" fw={400}>
            {" "}
            {tile.unit}
          </Text>
        )}
      </Text>
      {tile.points.length > 1 && <Spark points={[...tile.points]} label={`${title} over time`} />}
      {tile.value == null && !(ofLake && isCounting) && (
        <Text size="xs" c="var(--quiet)">
          {ofLake ? "Nothing was shown yet that the lake knows of" : "No traffic in the last hour"}
        </Text>
      )}
    </Card>
  );
}

function written(value: number, unit: string): string {
  if (unit === "share") return `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
  if (value === 0) return "0";
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(value < 10 ? 1 : 0);
}
