import { Stack } from "@mantine/core";
import { useEffect } from "react";

import { Crowd } from "../crowd";
import { useFront } from "../front";
import { Shelves } from "../shelf/Shelves";
import { useVisit } from "../visit";
import { Aisles } from "./Aisles";
import { Welcome } from "./Welcome";

/** The shop's front: what it has for this shopper, then its aisles. */
export function HomePage() {
  const front = useFront();
  const { user, moves } = useVisit();
  const title = front.data?.title;
  useEffect(() => {
    document.title = title ? `${title} · Endcap` : "Shop · Endcap";
  }, [title]);
  const expected = moves ? 3 : user ? 2 : 1;
  return (
    <Stack gap={36}>
      <Welcome />
      <Shelves page="home" expected={expected} />
      <Aisles />
      <Crowd />
    </Stack>
  );
}
