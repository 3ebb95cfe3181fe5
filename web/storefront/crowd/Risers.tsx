import { Text, Title } from "@mantine/core";

import type { Riser } from "../../api/schema";
import { Picture } from "../../ui/Picture";
import { pictured } from "../pictured";
import css from "./Crowd.module.css";

/** What the crowd takes most, and where that stood among the trending before it came. */
export function Risers({ risers }: { risers: Riser[] }) {
  if (!risers.length) return null;
  return (
    <section aria-labelledby="risers">
      <Title order={3} size="h5" mb={8} id="risers">
        What it takes most just now
      </Title>
      <ol className={css.risers}>
        {risers.map((riser) => (
          <li key={riser.card.item} className={css.riser}>
            <Picture item={pictured(riser.card)} size={48} />
            <div>
              <Text size="sm" lineClamp={1} fw={600}>
                {riser.card.title}
              </Text>
              <Text size="xs" c="var(--quiet)">
                {riser.events} events · {riser.was ? `was ${riser.was}. of the trending` : "was not trending"}, now {riser.now}.
              </Text>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
