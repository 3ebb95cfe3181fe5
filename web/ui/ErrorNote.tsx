import { Alert, Button, Group, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import { ApiError } from "../api/client";

/** An error where it happened: what the server said, and a button to try again. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  const said = error instanceof Error ? error.message : String(error);
  const title = error instanceof ApiError && error.status === 404 ? "Not found" : "That did not work";
  return (
    <Alert color="red" variant="light" title={title} icon={<IconAlertTriangle aria-hidden />} role="alert">
      <Group justify="space-between" gap="sm">
        <Text size="sm">{said}</Text>
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}
