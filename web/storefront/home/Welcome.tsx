import { Badge, Group, Stack, Text, Title } from "@mantine/core";

import { Picture } from "../../ui/Picture";
import { useFront } from "../front";
import { person } from "../named";
import { pictured } from "../pictured";
import { useVisit } from "../visit";
import classes from "./Home.module.css";

/** The top of the front page: which shop this is, and what the engine knows of who looks at it. */
export function Welcome() {
  const { data } = useFront();
  const { user, moves, shopper } = useVisit();
  const pictures = (data?.aisles ?? []).flatMap((aisle) => (aisle.sample ?? []).slice(0, 1)).slice(0, 6);
  return (
    <section className={classes.welcome} aria-labelledby="welcome">
      <Stack gap={10} className={classes.words}>
        <Title order={1} id="welcome" className={classes.heading}>
          {user ? `Welcome back, ${person(user)}` : moves ? "It is learning as you go" : "A shop that reacts to each click"}
        </Title>
        <Text className={classes.lead}>
          {user
            ? "These shelves come from what this shopper did before, and from what you do now."
            : moves
              ? "Every click counts in the very next answer. Nobody trained anything meanwhile."
              : "Nobody knows you here yet. Open any three products, come back, and look at the shelves."}
        </Text>
        <Group gap={8}>
          <Badge variant="light" size="lg" tt="none">
            {user ? "known shopper" : `anonymous · ${shopper.slice(0, 8)}`}
          </Badge>
          {data && (
            <Badge variant="light" color="gray" size="lg" tt="none">
              {data.items.toLocaleString("en-GB")} products
            </Badge>
          )}
        </Group>
      </Stack>
      <div className={classes.collage} aria-hidden>
        {pictures.map((card) => (
          <span key={card.item}>
            <Picture item={pictured(card)} size={96} />
          </span>
        ))}
      </div>
    </section>
  );
}
