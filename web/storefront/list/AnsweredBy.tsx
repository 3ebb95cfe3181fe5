import { Code, Text } from "@mantine/core";

import type { Answered, Missing } from "../../api/schema";

interface Props {
  answered?: Answered | null;
  missing?: Missing | null;
}

/** Who decided a list's order, in a line that is always there. */
export function AnsweredBy({ answered, missing }: Props) {
  return (
    <Text size="xs" c="var(--quiet)" mih={{ base: 40, sm: 20 }} component="div">
      {answered && (
        <>
          Ordered by {answered.recipe} in {answered.ms.toFixed(1)} ms
          {answered.because && `: not personal yet, ${answered.because}`}
        </>
      )}
      {missing && (
        <>
          The shop has no campaign <b>{missing.purpose}</b>. Make one: <Code>{missing.commands.join(" && ")}</Code>
        </>
      )}
    </Text>
  );
}
