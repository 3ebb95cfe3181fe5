import { Text } from "@mantine/core";

import type { WhyItem } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import { useCards } from "../front";
import { pictured } from "../pictured";
import css from "./Stage.module.css";

const PARTS = 4;

/** One item explained: its reason, what of the shopper's past it comes from, and what its score is made of. */
export function WhyLine({ item }: { item: WhyItem }) {
  const card = useCards([item.item]).data?.get(item.item);
  const parts = [...(item.parts ?? [])].sort((one, other) => Math.abs(other.value) - Math.abs(one.value)).slice(0, PARTS);
  const whole = parts.reduce((sum, part) => sum + Math.abs(part.value), 0);
  return (
    <article className={css.item} data-why-item={item.item}>
      {card ? <Picture item={pictured(card)} size={48} /> : <Picture item={{ id: item.item, title: item.title }} size={48} />}
      <div>
        <Text size="sm" fw={600} lineClamp={2}>
          {item.place ? `${item.place}. ` : ""}
          {item.title}
        </Text>
        <Text size="xs" c="var(--quiet)">
          {item.reason}
        </Text>
        {(item.causes ?? []).slice(0, 3).map((cause) => (
          <Text key={`${cause.kind} ${cause.item} ${cause.time}`} size="xs" mt={2} data-cause={cause.item}>
            {cause.sentence}
          </Text>
        ))}
        {whole > 0 && (
          <Text size="xs" mt={4} c="var(--quiet)">
            score: {parts.map((part) => `${part.name} ${Math.round((100 * Math.abs(part.value)) / whole)}%`).join(" · ")}
          </Text>
        )}
      </div>
    </article>
  );
}
