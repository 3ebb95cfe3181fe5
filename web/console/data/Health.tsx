import { Badge, Card, Group, Loader, SegmentedControl, Skeleton, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconInfoCircle, IconUrgent } from "@tabler/icons-react";

import type { FindingLine } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { SameIn } from "../../ui/SameIn";
import { useAddress } from "../where";
import classes from "./Health.module.css";
import { useHealth } from "./queries";

const LOOKS = {
  problem: { colour: "red", icon: IconUrgent, word: "Problem" },
  warning: { colour: "yellow", icon: IconAlertTriangle, word: "Warning" },
  info: { colour: "blue", icon: IconInfoCircle, word: "Worth knowing" },
} as const;

type Severity = keyof typeof LOOKS;

/** What is odd in the data: the finding, what it does to recommendations, how to mend it. */
export function Health({ shop }: { shop: string }) {
  const found = useHealth(shop);
  const [address, change] = useAddress();
  const wanted = address.get("severity") ?? "all";
  if (found.error) return <ErrorNote error={found.error} retry={() => void found.refetch()} />;
  if (!found.data || found.data.checking) {
    return (
      <Stack aria-busy>
        <Group gap="xs">
          <Loader size="xs" aria-hidden />
          <Text size="sm">Every row is looked at …</Text>
        </Group>
        {[0, 1, 2].map((place) => (
          <Skeleton key={place} h={120} radius="lg" />
        ))}
      </Stack>
    );
  }
  const { findings } = found.data;
  const of = (severity: Severity) => findings.filter((each) => each.severity === severity).length;
  const shown = findings.filter((each) => wanted === "all" || each.severity === wanted);
  const kinds = (Object.keys(LOOKS) as Severity[]).filter((severity) => of(severity) > 0);
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          size="xs"
          aria-label="Severity"
          value={wanted}
          onChange={(value) => change({ severity: value === "all" ? null : value })}
          data={[
            { value: "all", label: `All ${findings.length}` },
            ...kinds.map((each) => ({ value: each, label: `${LOOKS[each].word} ${of(each)}` })),
          ]}
        />
        <Text size="xs" c="var(--quiet)">
          data {found.data.snapshot}
        </Text>
      </Group>
      {of("problem") === 0 && of("warning") === 0 && (
        <EmptyState title="Nothing stands in the way of good recommendations">
          What is listed below is worth knowing, no more.
        </EmptyState>
      )}
      {shown.map((finding) => (
        <Finding key={finding.code + finding.title} finding={finding} />
      ))}
      <SameIn
        same={{
          cli: `endcap check --shop ${shop}\nendcap check --shop ${shop} --html report.html`,
          python: "from endcap.lake.checks import run_checks\n\nfor finding in run_checks(workspace.lake, shop):\n    print(finding.severity, finding.title, finding.why, finding.advice)",
          api: `curl -s "$ENDCAP_URL/console/api/data/health?shop=${encodeURIComponent(shop)}" -H "authorization: Bearer $ENDCAP_TOKEN"`,
        }}
      />
    </Stack>
  );
}

function Finding({ finding }: { finding: FindingLine }) {
  const look = LOOKS[finding.severity as Severity] ?? LOOKS.info;
  const Icon = finding.severity === "info" && finding.count === 0 ? IconCircleCheck : look.icon;
  return (
    <Card component="article" aria-label={finding.title}>
      <Group align="flex-start" wrap="nowrap" gap="sm">
        <ThemeIcon variant="light" color={look.colour} size="lg" radius="xl" aria-hidden>
          <Icon size={18} />
        </ThemeIcon>
        <div className={classes.words}>
          <Group gap="xs" mb={6}>
            <Title order={2} size="h4" fw={600} fz="md">
              {finding.title}
            </Title>
            <Badge size="sm" variant="light" color={look.colour}>
              {look.word}
            </Badge>
          </Group>
          <dl className={classes.steps}>
            <dt>Effect</dt>
            <dd>{finding.why}</dd>
            <dt>Fix</dt>
            <dd>{finding.advice}</dd>
            {finding.examples.length > 0 && (
              <>
                <dt>Examples</dt>
                <dd>{finding.examples.join(" · ")}</dd>
              </>
            )}
          </dl>
        </div>
      </Group>
    </Card>
  );
}
