import { Badge, Group, Stack, Tabs, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { ErrorNote } from "../../ui/ErrorNote";
import { askAccount } from "../calls";
import { useQueryValue } from "../place";
import { counted } from "../named";
import { useVisit } from "../visit";
import { Forget } from "./Forget";
import { History } from "./History";
import { OrdersTab } from "./OrdersTab";
import { Unwanted } from "./Unwanted";
import { Why } from "./Why";

const TABS: Record<string, string> = {
  why: "Why am I seeing this",
  history: "History",
  orders: "Orders",
  unwanted: "Not interested",
  forget: "Forget me",
};

/** What the shop knows of the shopper, why it shows what it shows, and how to make it forget. */
export default function AccountPage() {
  const visit = useVisit();
  const { shop, user, session, moves } = visit;
  const [asked, setTab] = useQueryValue("tab", "why");
  const tab = Object.hasOwn(TABS, asked) ? asked : "why";
  const { data, error, refetch } = useQuery({
    queryKey: ["account", shop, user, session, moves],
    queryFn: async () => {
      await visit.settled();
      return askAccount({ shop, user, session });
    },
    placeholderData: (before) => before,
  });
  useEffect(() => {
    document.title = "Your account · Endcap";
  }, []);
  const known = Object.entries(data?.attributes ?? {});
  return (
    <Stack gap="lg">
      <Stack gap={8}>
        <Title order={1} style={{ overflowWrap: "anywhere" }}>
          {user || "Anonymous visitor"}
        </Title>
        <Group gap={8} mih={28}>
          {data && (
            <Badge variant="light" tt="none" size="lg">
              {counted(data.looks, "look")} · {counted(data.purchases, "purchase")} · {counted(data.events, "event")}
            </Badge>
          )}
          {known.slice(0, 8).map(([name, value]) => (
            <Badge key={name} variant="light" color="gray" tt="none" size="lg" maw={320}>
              {name.replaceAll("_", " ")}: {value.replaceAll("|", ", ")}
            </Badge>
          ))}
        </Group>
        <Text c="var(--quiet)" size="sm">
          {user ? "Known by this id" : `Known by this browser's session ${session}`}, and by nothing else.
        </Text>
      </Stack>
      {error && <ErrorNote error={error} retry={() => void refetch()} />}
      <Tabs value={tab} onChange={(value) => setTab(value ?? "why")} keepMounted={false}>
        <Tabs.List mb="lg">
          {Object.entries(TABS).map(([name, title]) => (
            <Tabs.Tab key={name} value={name}>
              {title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="why">
          <Why />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <History lines={data?.lines} />
        </Tabs.Panel>
        <Tabs.Panel value="orders">
          <OrdersTab orders={data?.orders} />
        </Tabs.Panel>
        <Tabs.Panel value="unwanted">
          <Unwanted cards={data?.unwanted} />
        </Tabs.Panel>
        <Tabs.Panel value="forget">
          <Forget />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
