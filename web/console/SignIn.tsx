import { Button, Card, Center, Code, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";

import { ErrorNote } from "../ui/ErrorNote";
import { useSignIn } from "./session";

/** Signing in: by the link that the server printed, or by a token or an access key put in here. */
export function SignIn({ loopback }: { loopback: boolean }) {
  const [token, setToken] = useState("");
  const signIn = useSignIn();
  const { mutate } = signIn;

  useEffect(() => {
    // The token comes behind a #, which browsers never send to a server.
    const linked = new URLSearchParams(window.location.hash.slice(1)).get("token");
    if (!linked) return;
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
    mutate(linked);
  }, [mutate]);

  function submit(event: FormEvent) {
    event.preventDefault();
    mutate(token);
  }

  return (
    <Center component="main" mih="100vh" p="md">
      <Card w="100%" maw={420} padding="xl" component="form" onSubmit={submit}>
        <Stack>
          <Title order={1}>Endcap console</Title>
          <Text size="sm" c="var(--quiet)">
            {loopback ? (
              <>
                <Code>endcap console</Code> prints a link that signs you in. Or put its token here, or an access key as
                ID:SECRET.
              </>
            ) : (
              "Sign in with an access key, as ID:SECRET."
            )}
          </Text>
          <PasswordInput
            label="Token or access key"
            value={token}
            onChange={(event) => setToken(event.currentTarget.value)}
            autoComplete="current-password"
            required
          />
          {signIn.error && <ErrorNote error={signIn.error} />}
          <Button type="submit" loading={signIn.isPending}>
            Sign in
          </Button>
        </Stack>
      </Card>
    </Center>
  );
}
