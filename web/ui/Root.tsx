import "@fontsource-variable/inter";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./base.css";

import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { ApiError } from "../api/client";
import { Boundary } from "./Boundary";
import { theme } from "./theme";

/** Asking again helps where nobody answered or the server was busy, never where it refused. */
function again(failures: number, error: Error): boolean {
  const status = error instanceof ApiError ? error.status : 0;
  return failures < 2 && (status === 0 || status === 429 || status === 503);
}

const queries = new QueryClient({
  defaultOptions: { queries: { retry: again, staleTime: 5_000, refetchOnWindowFocus: false }, mutations: { retry: false } },
});

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
setNonce(nonce); // for the style element that keeps the page from scrolling behind a dialogue

/** Put an app on the page, with the theme, the queries and the last resort for errors around it. */
export function start(app: ReactNode): void {
  const place = document.getElementById("app");
  if (!place) throw new Error("The page has no #app.");
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
          <Notifications position="bottom-left" limit={3} />
          <Boundary>{app}</Boundary>
        </MantineProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
