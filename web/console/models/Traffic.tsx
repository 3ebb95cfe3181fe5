import { Anchor, Group, Progress, Text } from "@mantine/core";

import type { VariantLine } from "../../api/schema";

const COLOURS = ["pine.7", "orange.8", "indigo.6", "grape.7", "lime.9", "blue.7"];

/** Which share of a campaign's shoppers gets which version. */
export function Traffic({ variants, onVersion }: { variants: VariantLine[]; onVersion: (version: string) => void }) {
  const said = variants.map((each) => `${each.recipe} ${each.version}: ${each.weight} %`).join(", ");
  return (
    <div>
      <Progress.Root size={22} radius="md" role="img" aria-label={`Traffic: ${said}`}>
        {variants.map((each, place) => (
          <Progress.Section key={each.version} value={each.weight} color={COLOURS[place % COLOURS.length]} withAria={false}>
            <Progress.Label>{each.weight} %</Progress.Label>
          </Progress.Section>
        ))}
      </Progress.Root>
      <Group gap="md" mt={6}>
        {variants.map((each) => (
          <Text key={each.version} size="sm">
            {each.recipe}{" "}
            <Anchor component="button" type="button" size="sm" onClick={() => onVersion(each.version)}>
              {each.version}
            </Anchor>{" "}
            {each.weight} %
          </Text>
        ))}
      </Group>
    </div>
  );
}
