import { Center, Loader } from "@mantine/core";
import { Suspense } from "react";
import { Redirect, Route, Switch } from "wouter";

import { ErrorNote } from "../ui/ErrorNote";
import { Frame } from "./Frame";
import { NotHere } from "./NotHere";
import { SCREENS } from "./screens";
import { useSession } from "./session";
import { SignIn } from "./SignIn";

/** The console: signed in, one frame around its screens. */
export function App() {
  const session = useSession();
  if (session.error) return <ErrorNote error={session.error} retry={() => void session.refetch()} />;
  if (!session.data) return <Waiting />;
  if (!session.data.signedIn) return <SignIn loopback={session.data.loopback ?? false} />;
  return (
    <Frame session={session.data}>
      <Suspense fallback={<Waiting />}>
        <Switch>
          <Route path="/console">
            <Redirect to="/console/home" replace />
          </Route>
          {SCREENS.map(({ name, page: Page }) => (
            <Route key={name} path={`/console/${name}`}>
              <Page />
            </Route>
          ))}
          <Route>
            <NotHere />
          </Route>
        </Switch>
      </Suspense>
    </Frame>
  );
}

function Waiting() {
  return (
    <Center mih="50vh">
      <Loader role="status" aria-label="Loading" />
    </Center>
  );
}
