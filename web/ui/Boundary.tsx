import { Button, Code, Stack, Text, Title } from "@mantine/core";
import { Component, type ReactNode } from "react";

interface State {
  error: Error | null;
}

/** What is shown where a page broke: its error, and a way on. */
export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Stack component="main" p="xl" maw={640} mx="auto" mt="xl">
        <Title order={1}>This page broke</Title>
        <Text>Nothing was lost on the server. The browser said:</Text>
        <Code block>{error.message}</Code>
        <Button onClick={() => window.location.reload()} w="fit-content">
          Load it again
        </Button>
      </Stack>
    );
  }
}
