import { Anchor, Select, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { api, unwrap } from "../../api/client";
import { linksOf } from "../links";
import { useQueryValue } from "../place";
import { Shelves } from "../shelf/Shelves";
import { useVisit, VisitProvider } from "../visit";
import { PersonaCard } from "./PersonaCard";
import css from "./Picker.module.css";
import { usePersonas } from "./people";

/** Two shoppers before the same shop: the same campaigns, asked for each. */
export default function SideBySide() {
  const { shop } = useVisit();
  const [left, setLeft] = useQueryValue("left");
  const [right, setRight] = useQueryValue("right");
  const { data } = usePersonas(shop);
  const [first = "", second = ""] = (data?.personas ?? []).map((each) => each.user);
  return (
    <Stack gap="lg">
      <div>
        <Title order={1}>Two shoppers, one shop</Title>
        <Text c="var(--quiet)">The same campaigns answer both. Click in one of them: only that one changes.</Text>
      </div>
      <div className={css.sides}>
        <Side label="On the left" user={left || first} onChange={setLeft} />
        <Side label="On the right" user={right || second} onChange={setRight} />
      </div>
    </Stack>
  );
}

interface SideProps {
  label: string;
  user: string;
  onChange: (user: string) => void;
}

function Side({ label, user, onChange }: SideProps) {
  const { shop } = useVisit();
  const { data } = usePersonas(shop);
  const names = [...new Set([...(data?.personas ?? []).map((each) => each.user), ...(user ? [user] : [])])];
  return (
    <section aria-label={`${label}: ${user}`} data-side={user}>
      <Stack>
        <Select label={label} data={names} value={user || null} onChange={(value) => onChange(value ?? "")} searchable />
        {user ? (
          <>
            <Known user={user} />
            <VisitProvider key={user} shop={shop} user={user} become={onChange}>
              <Shelves page="home" expected={2} />
            </VisitProvider>
            <Anchor component={Link} href={linksOf(shop, user).home} size="sm">
              Shop as {user}
            </Anchor>
          </>
        ) : (
          <Skeleton h={420} />
        )}
      </Stack>
    </section>
  );
}

function Known({ user }: { user: string }) {
  const { shop } = useVisit();
  const { data, error } = useQuery({
    queryKey: ["persona", shop, user],
    queryFn: () => unwrap(api.GET("/shop/api/persona", { params: { query: { shop, user } } })),
    retry: false,
  });
  if (error) {
    return (
      <Text size="sm" c="var(--quiet)">
        The shop’s history does not have {user}: only live events count.
      </Text>
    );
  }
  return data ? <PersonaCard persona={data} /> : <Skeleton h={190} radius="lg" />;
}
