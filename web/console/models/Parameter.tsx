import { Select, TextInput } from "@mantine/core";

import type { ParameterLine } from "../../api/schema";

interface Props {
  parameter: ParameterLine;
  value: string;
  onChange: (value: string, isWrong: boolean) => void;
}

/** One setting of a recipe: what it means, its default and range; wrong values are said at once. */
export function Parameter({ parameter, value, onChange }: Props) {
  const { name, doc, choices, low, high, kind } = parameter;
  if (choices.length > 0) {
    return (
      <Select label={name} description={doc} data={choices} value={value} allowDeselect={false} onChange={(next) => onChange(next ?? parameter.default, false)} />
    );
  }
  const problem = check(parameter, value);
  const bounds = low !== null && high !== null ? ` ${low} to ${high}.` : low !== null ? ` At least ${low}.` : high !== null ? ` At most ${high}.` : "";
  return (
    <TextInput
      label={name}
      description={`${doc}${kind === "categorical" ? "" : bounds}`}
      inputMode={kind === "categorical" ? "text" : "decimal"}
      value={value}
      error={problem}
      onChange={(event) => onChange(event.currentTarget.value, check(parameter, event.currentTarget.value) !== null)}
    />
  );
}

function check({ kind, low, high, optional }: ParameterLine, text: string): string | null {
  if (kind === "categorical" || (optional && text.toLowerCase() === "none")) return null;
  const number = Number(text);
  if (text.trim() === "" || Number.isNaN(number)) return "A number is expected.";
  if (kind === "integer" && !Number.isInteger(number)) return "A whole number is expected.";
  if (low !== null && number < low) return `At least ${low}.`;
  return high !== null && number > high ? `At most ${high}.` : null;
}
