import { Badge, Group, Text, UnstyledButton } from "@mantine/core";

import type { Persona } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import { named, person } from "../named";
import { pictured } from "../pictured";
import css from "./Picker.module.css";

const FACTS = 3;
const BARS = 4;

interface Props {
  persona: Persona;
  onChoose?: (user: string) => void;
}

/** A real shopper: what is known of them, what they take more of than others, and what they took most. */
export function PersonaCard({ persona, onChoose }: Props) {
  const facts = Object.entries(persona.facts).slice(0, FACTS);
  const words = (
    <>
      <Group justify="space-between" wrap="nowrap">
        <Text fw={650} className={css.called}>
          {person(persona.user)}
        </Text>
        <Text size="xs" c="var(--quiet)">
          {counted(persona)}
        </Text>
      </Group>
      <Group gap={4} mih={20}>
        {facts.map(([name, value]) => (
          <Badge key={name} size="sm" variant="light" color="gray" tt="none" title={name}>
            {/^\d+$/.test(value) ? `${name}: ${value}` : value}
          </Badge>
        ))}
      </Group>
      <div>
        {persona.categories.slice(0, BARS).map((each) => (
          <div key={each.name} className={css.share}>
            <Text size="xs" truncate>
              {named(each.name)}
            </Text>
            <span className={css.bar} aria-hidden>
              <span className={css.fill} style={{ width: `${Math.round(each.share * 100)}%` }} />
            </span>
            <span>{Math.round(each.share * 100)}%</span>
          </div>
        ))}
      </div>
      <span className={css.liked}>
        {persona.favourites.map((card) => (
          <Picture key={card.item} item={pictured(card)} size={44} />
        ))}
      </span>
    </>
  );
  if (!onChoose) return <div className={css.person}>{words}</div>;
  return (
    <UnstyledButton
      className={css.person}
      onClick={() => onChoose(persona.user)}
      data-persona={persona.user}
    >
      {words}
    </UnstyledButton>
  );
}

function counted({ orders, events }: Persona): string {
  if (orders) return orders === 1 ? "1 order" : `${orders.toLocaleString("en-GB")} orders`;
  return `${events.toLocaleString("en-GB")} events`;
}
