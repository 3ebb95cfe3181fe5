import { Code, Container, Loader, Stack, Text, Title } from "@mantine/core";

import { useVisit } from "../visit";

/** A shop of which nothing is served yet: how to begin. */
export function NoCampaign({ isLoading }: { isLoading: boolean }) {
  const { shop } = useVisit();
  if (isLoading) {
    return (
      <Stack align="center" py={120} role="status">
        <Loader />
        <Text>The server is loading {shop}: models into memory, a few seconds.</Text>
      </Stack>
    );
  }
  return (
    <Container size="sm" py={64}>
      <Stack>
        <Title order={1}>{shop} has no shelves yet</Title>
        <Text>Its data is there, and nothing has been trained on it. Train a recipe and publish it; this page follows by itself.</Text>
        <Code block>
          {`endcap train blend --shop ${shop}\nendcap publish --shop ${shop} --campaign ${shop}-for-you\nendcap train trending --shop ${shop}\nendcap publish --shop ${shop} --campaign ${shop}-trending`}
        </Code>
      </Stack>
    </Container>
  );
}
