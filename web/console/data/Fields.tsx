import { Badge, Select, SimpleGrid } from "@mantine/core";

import type { FieldChoice, FilePreview } from "../../api/schema";

interface Props {
  file: FilePreview;
  choices: FieldChoice[];
  onChange: (field: string, column: string) => void;
}

/** For each field the column it comes from: those that are needed first, then what was recognised, then one more. */
export function Fields({ file, choices, onChange }: Props) {
  const from = new Map(file.fields.map((each) => [each.field, each.column || each.how]));
  const shown = choices.filter((each) => each.required || from.has(each.name));
  const others = choices.filter((each) => !shown.includes(each));
  return (
    <div>
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3, lg: 4 }} spacing="sm">
        {shown.map((choice) => (
          <One key={choice.name} choice={choice} file={file} value={from.get(choice.name) ?? ""} onChange={onChange} />
        ))}
        {others.length > 0 && file.columns.length > 0 && (
          <Select
            label="One more field"
            placeholder="Choose a field"
            data={others.map((each) => each.name)}
            value={null}
            searchable
            onChange={(field) => field && onChange(field, bestColumn(field, file))}
          />
        )}
      </SimpleGrid>
    </div>
  );
}

function One({ choice, file, value, onChange }: { choice: FieldChoice; file: FilePreview; value: string; onChange: Props["onChange"] }) {
  const isMissing = file.missing.includes(choice.name) || (choice.required && !value && file.read.length === 0);
  const data = file.columns.map((column) => ({ value: column, label: column }));
  if (value && !file.columns.includes(value)) data.unshift({ value, label: value });
  return (
    <Select
      label={
        <>
          {choice.name}{" "}
          {choice.required && (
            <Badge size="xs" variant="light" color={isMissing ? "red" : "gray"}>
              needed
            </Badge>
          )}
        </>
      }
      aria-label={`Column of ${choice.name}`}
      data={data}
      value={value || null}
      placeholder={isMissing ? "Choose a column" : "not there"}
      error={isMissing && "No column is known to be this"}
      onChange={(column) => onChange(choice.name, column ?? "")}
      searchable
      clearable={!choice.required}
    />
  );
}

/** The column whose name is likest, or the first that nothing uses. */
function bestColumn(field: string, file: FilePreview): string {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const used = new Set(file.fields.map((each) => each.column));
  const free = file.columns.filter((column) => !used.has(column));
  return free.find((column) => plain(column).includes(plain(field))) ?? free[0] ?? file.columns[0] ?? "";
}
