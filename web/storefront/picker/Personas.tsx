import { Anchor, Skeleton, Text } from "@mantine/core";
import { Link } from "wouter";

import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { useVisit } from "../visit";
import { PersonaCard } from "./PersonaCard";
import { usePersonas } from "./people";
import css from "./Picker.module.css";

interface Props {
  onChoose: (user: string) => void;
  onClose: () => void;
}

/** Real shoppers of this shop, chosen to be unlike each other. */
export function Personas({ onChoose, onClose }: Props) {
  const { shop } = useVisit();
  const { data, error, refetch } = usePersonas(shop);
  if (error) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (!data) {
    return (
      <div className={css.people}>
        {[0, 1, 2, 3, 4, 5].map((place) => (
          <Skeleton key={place} h={220} radius="lg" />
        ))}
      </div>
    );
  }
  if (!data.personas.length) {
    return (
      <EmptyState title="Nobody has shopped here yet">
        Choose five products or answer a few questions, and be the first.
      </EmptyState>
    );
  }
  const [left, right] = data.personas;
  return (
    <>
      <Text size="sm" mb="sm">
        {data.personas.length} of {data.users.toLocaleString("en-GB")} shoppers whose history this shop has.{" "}
        {left && right && (
          <Anchor component={Link} underline="always" href={sides(shop, left.user, right.user)} onClick={onClose} size="sm">
            See two of them side by side
          </Anchor>
        )}
      </Text>
      <div className={css.people}>
        {data.personas.map((persona) => (
          <PersonaCard key={persona.user} persona={persona} onChoose={onChoose} />
        ))}
      </div>
    </>
  );
}

function sides(shop: string, left: string, right: string): string {
  return `/shop/${encodeURIComponent(shop)}/side-by-side?${new URLSearchParams({ left, right }).toString()}`;
}
