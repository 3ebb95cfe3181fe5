import { Box } from "@mantine/core";
import { type ReactNode, useCallback } from "react";
import { useLocation } from "wouter";

import { ErrorNote } from "../../ui/ErrorNote";
import { isComing, useFront } from "../front";
import { linksOf } from "../links";
import { useQueryValue } from "../place";
import { Stage } from "../stage";
import { Tour } from "../tour";
import { VisitProvider } from "../visit";
import { Footer } from "./Footer";
import classes from "./Frame.module.css";
import { Header } from "./Header";
import { NoCampaign } from "./NoCampaign";

/** A shop with what is around each of its pages; the shopper is the `as` of the address. */
export function Shopping({ shop, children }: { shop: string; children: ReactNode }) {
  const [user] = useQueryValue("as");
  const [, navigate] = useLocation();
  const become = useCallback((next: string) => navigate(linksOf(shop, next).home), [shop, navigate]);
  return (
    <VisitProvider shop={shop} user={user} become={become}>
      <a className="skip-link" href="#page">
        Skip to the page
      </a>
      <Header />
      <Box component="main" id="page" tabIndex={-1} className={classes.main}>
        <Opened key={user}>{children}</Opened>
      </Box>
      <Footer />
      <Stage />
      <Tour />
    </VisitProvider>
  );
}

/** The page itself, unless the shop cannot be shown. */
function Opened({ children }: { children: ReactNode }) {
  const front = useFront();
  if (!front.error) return children;
  if (isComing(front.error)) return <NoCampaign isLoading={"status" in front.error && front.error.status === 503} />;
  return <ErrorNote error={front.error} retry={() => void front.refetch()} />;
}
