import { Alert, Button, Group, List, Loader, Modal, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { IconCheck, IconTrash } from "@tabler/icons-react";
import { Link } from "wouter";

import { ErrorNote } from "../../ui/ErrorNote";
import { askForget, askForgetting } from "../calls";
import { linksOf } from "../links";
import { useVisit } from "../visit";

/** Make the shop forget the shopper: gone from answers at once, from all data soon after. */
export function Forget() {
  const visit = useVisit();
  const { shop, user, session } = visit;
  const [isAsking, modal] = useDisclosure();
  const forget = useMutation({
    mutationFn: () => askForget({ shop, user, session }),
    onSuccess: () => {
      modal.close();
      visit.restart();
    },
  });
  const job = forget.data?.job ?? "";
  const { data } = useQuery({
    queryKey: ["forgetting", job],
    queryFn: () => askForgetting(job),
    enabled: !!job,
    refetchInterval: (query) => (query.state.data?.done || query.state.data?.status === "FAILED" ? false : 700),
  });
  const done = data ?? forget.data;
  if (done) {
    return (
      <Alert
        color={done.status === "FAILED" ? "red" : "pine"}
        title={done.done ? "You are forgotten" : "You are gone from every answer"}
        icon={done.done ? <IconCheck aria-hidden /> : <Loader size={18} />}
      >
        <Stack gap="sm" align="flex-start">
          <Text size="sm" role="status">
            {done.done
              ? `${(done.removed ?? 0).toLocaleString("en-GB")} rows were removed from the shop's tables. No answer, file or log knows you any more.`
              : done.status === "FAILED"
                ? `Removing the rows failed: ${done.why}`
                : "Nothing is answered from your past any more. Your rows are being removed from all tables."}
          </Text>
          <Button component={Link} href={linksOf(shop, "").home} size="xs">
            See the shop as a stranger
          </Button>
        </Stack>
      </Alert>
    );
  }
  return (
    <Stack maw={640}>
      <Text>The shop can forget {user ? `the shopper ${user}` : "this browser's visits"}:</Text>
      <List spacing={4} size="sm">
        <List.Item>at once, nothing is answered from the past any more;</List.Item>
        <List.Item>then every row goes from the shop's tables, older versions of them included;</List.Item>
        <List.Item>models hold no rows of yours; the next training will not have seen you.</List.Item>
      </List>
      {forget.error && <ErrorNote error={forget.error} />}
      <Button color="red" variant="light" leftSection={<IconTrash size={18} />} onClick={modal.open} w="fit-content">
        Forget me
      </Button>
      <Modal opened={isAsking} onClose={modal.close} title="Forget this shopper?" closeButtonProps={{ "aria-label": "Close" }}>
        <Stack>
          <Text size="sm">This cannot be undone: the history is deleted, not hidden.</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={modal.close}>
              Keep it
            </Button>
            <Button color="red" onClick={() => forget.mutate()} loading={forget.isPending}>
              Forget me for good
            </Button>
          </Group>
        </Stack>
      </Modal>
    </Stack>
  );
}
