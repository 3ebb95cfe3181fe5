import { Button, Chip, Code, Group, NumberInput, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import type { QuestionAsked } from "../../api/schema";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNote } from "../../ui/ErrorNote";
import { named } from "../named";
import { useVisit } from "../visit";
import { makeShopper, useQuestions } from "./people";

type Answers = Record<string, string[]>;

/** Be somebody new who answers a few questions; the shop's rules follow the answers. */
export function Questionnaire({ onMade }: { onMade: (user: string) => void }) {
  const { shop } = useVisit();
  const { data, error, refetch } = useQuestions(shop);
  const [answers, setAnswers] = useState<Answers>({});
  const given = Object.fromEntries(Object.entries(answers).filter(([, values]) => values.length));
  const making = useMutation({
    mutationFn: () => makeShopper(shop, [], given),
    onSuccess: (made) => onMade(made.user),
  });
  if (error) return <ErrorNote error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton h={360} />;
  if (!data.questions.length) {
    return <EmptyState title="There is nothing to ask">The products have no column that a rule looks at.</EmptyState>;
  }
  const send = (event: FormEvent) => {
    event.preventDefault();
    making.mutate();
  };
  return (
    <form onSubmit={send}>
      <Stack>
        {data.questions.map((question) => (
          <Field
            key={question.field}
            question={question}
            values={answers[question.field] ?? []}
            onChange={(values) => setAnswers({ ...answers, [question.field]: values })}
          />
        ))}
        {data.missing && (
          <Text size="sm" c="var(--quiet)">
            Answers are stored all the same. For shelves to follow them, serve the recipe that reads rules:{" "}
            <Code block>{data.missing.commands.join("\n")}</Code>
          </Text>
        )}
        {making.error && <ErrorNote error={making.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={making.isPending} disabled={!Object.keys(given).length}>
            Shop as this person
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface FieldProps {
  question: QuestionAsked;
  values: string[];
  onChange: (values: string[]) => void;
}

function Field({ question, values, onChange }: FieldProps) {
  if (question.kind === "number") {
    const change = (value: string | number) => onChange(value === "" ? [] : [String(value)]);
    return <NumberInput label={question.ask} value={values[0] ?? ""} onChange={change} min={0} maw={320} />;
  }
  if (question.kind === "text") {
    const [value = ""] = values;
    return (
      <TextInput
        label={question.ask}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value ? [event.currentTarget.value] : [])}
        maxLength={60}
        maw={360}
      />
    );
  }
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
      <Text component="legend" size="sm" fw={500} mb={6}>
        {question.ask}
      </Text>
      <Chip.Group
        multiple
        value={values}
        onChange={(next: string[]) => onChange(question.several ? next : next.filter((each) => !values.includes(each)))}
      >
        <Group gap={6}>
          {question.choices.map((choice) => (
            <Chip key={choice} value={choice} size="sm">
              {named(choice)}
            </Chip>
          ))}
        </Group>
      </Chip.Group>
    </fieldset>
  );
}
