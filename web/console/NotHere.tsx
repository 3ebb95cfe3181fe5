import { Anchor, Stack, Text, Title } from "@mantine/core";
import { Link } from "wouter";

/** An address that no screen has. */
export function NotHere() {
  return (
    <Stack>
      <Title order={1}>There is no such screen</Title>
      <Text>
        <Anchor component={Link} href="/console/home" underline="always">
          Home
        </Anchor>{" "}
        lists what there is.
      </Text>
    </Stack>
  );
}
