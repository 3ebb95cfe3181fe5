import { ActionIcon, Button, Group, Select, TextInput } from "@mantine/core";
import { IconFilterPlus, IconX } from "@tabler/icons-react";
import { type FormEvent, useState } from "react";

export type FilterRow = [column: string, operator: string, value: string];

const OPERATORS = [
  { value: "=", label: "is" },
  { value: "contains", label: "contains" },
  { value: ">=", label: "at least" },
  { value: "<=", label: "at most" },
  { value: "empty", label: "is empty" },
];

interface Props {
  columns: string[];
  filters: FilterRow[];
  onChange: (filters: FilterRow[]) => void;
}

/** Conditions on columns; each can be taken away again. */
export function FilterBar({ columns, filters, onChange }: Props) {
  const [column, setColumn] = useState(columns[0] ?? "");
  const [operator, setOperator] = useState("=");
  const [value, setValue] = useState("");
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (!columns.includes(column) || (!value && operator !== "empty")) return;
    onChange([...filters, [column, operator, operator === "empty" ? "" : value]]);
    setValue("");
  };
  const chosen = columns.includes(column) ? column : (columns[0] ?? "");
  return (
    <Group gap="xs" component="search">
      <form onSubmit={add}>
        <Group gap="xs">
          <Select size="xs" w={150} aria-label="Column" data={columns} value={chosen} onChange={(next) => setColumn(next ?? "")} searchable allowDeselect={false} />
          <Select size="xs" w={110} aria-label="Condition" data={OPERATORS} value={operator} onChange={(next) => setOperator(next ?? "=")} allowDeselect={false} />
          <TextInput size="xs" w={160} aria-label="Value" placeholder="value" value={value} disabled={operator === "empty"} onChange={(event) => setValue(event.currentTarget.value)} />
          <Button size="xs" type="submit" variant="default" leftSection={<IconFilterPlus size={14} aria-hidden />}>
            Filter
          </Button>
        </Group>
      </form>
      {filters.map((filter, place) => (
        <Button.Group key={filter.join(" ")}>
          <Button size="xs" variant="light" component="span">
            {filter[0]} {OPERATORS.find((each) => each.value === filter[1])?.label ?? filter[1]} {filter[2]}
          </Button>
          <ActionIcon
            size={30}
            variant="light"
            aria-label={`Remove the filter on ${filter[0]}`}
            onClick={() => onChange(filters.filter((_, other) => other !== place))}
          >
            <IconX size={14} />
          </ActionIcon>
        </Button.Group>
      ))}
    </Group>
  );
}
