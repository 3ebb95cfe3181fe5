import { Autocomplete, Loader, Select, SimpleGrid } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconUser } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import type { Inspectable } from "../../api/schema";
import { type Change, type Subject, useItems, useShoppers } from "./asking";
import { moment } from "./words";

interface Props {
  subject: Subject;
  change: Change;
  inspectable: Inspectable | undefined;
  /** The version that answers now: nothing is compared with itself. */
  answering: string;
}

/** Who is looked at, what answers them, and what that is compared with. */
export function Picks({ subject, change, inspectable, answering }: Props) {
  const versions = (inspectable?.versions ?? []).map((version) => ({
    value: version.id,
    label: `${version.recipe} ${version.id}${version.served ? " · served" : ""} · ${moment(version.created)}`,
  }));
  const campaigns = (inspectable?.campaigns ?? []).map(({ name, recipe }) => ({ value: name, label: `${name} · ${recipe}` }));
  const campaign = inspectable?.campaigns.find(({ name }) => name === subject.campaign);
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: campaign?.related ? 5 : 4 }} spacing="sm">
      <ShopperPick subject={subject} change={change} />
      <Select
        label="Campaign"
        placeholder="the shop's first"
        data={campaigns}
        value={subject.campaign || null}
        onChange={(value) => change({ campaign: value, without: null, item: null })}
        clearable
        clearButtonProps={{ "aria-label": "Any campaign" }}
      />
      {campaign?.related && <ItemPick label="About the item" value={subject.about} subject={subject} onPick={(about) => change({ about })} />}
      <Select
        label="Version"
        placeholder="the one that serves"
        data={versions}
        value={subject.version || null}
        onChange={(version) => change({ version })}
        searchable
        clearable
        clearButtonProps={{ "aria-label": "The served version" }}
      />
      <Select
        label="Beside it"
        placeholder="another version"
        data={versions.filter(({ value }) => value !== (subject.version || answering))}
        value={subject.against || null}
        onChange={(against) => change({ against })}
        searchable
        clearable
        clearButtonProps={{ "aria-label": "No other version" }}
      />
    </SimpleGrid>
  );
}

function ShopperPick({ subject, change }: Omit<Props, "inspectable" | "answering">) {
  const [text, setText] = useState(subject.user);
  const [sought] = useDebouncedValue(text === subject.user ? "" : text.trim(), 180);
  const found = useShoppers(subject.shop, sought);
  useEffect(() => setText(subject.user), [subject.user]);
  const pick = (user: string) => change({ user, without: null, at: null, item: null });
  const lines = found.data?.shoppers ?? [];
  return (
    <Autocomplete
      label="Shopper"
      placeholder="an id, or part of one"
      value={text}
      onChange={setText}
      onOptionSubmit={pick}
      onKeyDown={(event) => event.key === "Enter" && pick(text.trim())}
      onBlur={() => text.trim() !== subject.user && pick(text.trim())}
      data={lines.map(({ user }) => user)}
      filter={({ options }) => options}
      renderOption={({ option }) => {
        const line = lines.find(({ user }) => user === option.value);
        return (
          <span>
            {option.value}
            {line ? ` · ${line.events.toLocaleString("en")} events` : ""}
          </span>
        );
      }}
      leftSection={<IconUser size={16} aria-hidden />}
      rightSection={found.isFetching ? <Loader size="xs" /> : null}
      limit={20}
    />
  );
}

interface ItemPickProps {
  label: string;
  value: string;
  subject: Subject;
  onPick: (item: string) => void;
  placeholder?: string;
}

/** An item by part of its name or id. */
export function ItemPick({ label, value, subject, onPick, placeholder }: ItemPickProps) {
  const [text, setText] = useState(value);
  const [sought] = useDebouncedValue(text.trim(), 180);
  const found = useItems(subject.shop, sought);
  useEffect(() => setText(value), [value]);
  const items = found.data?.items ?? [];
  return (
    <Autocomplete
      label={label}
      placeholder={placeholder ?? "a name or an id"}
      value={text}
      onChange={setText}
      onOptionSubmit={onPick}
      onKeyDown={(event) => event.key === "Enter" && text.trim() && onPick(items.some(({ item }) => item === text.trim()) || !items[0] ? text.trim() : items[0].item)}
      data={items.map(({ item, title }) => ({ value: item, label: title === item ? item : `${title} · ${item}` }))}
      filter={({ options }) => options}
      limit={20}
    />
  );
}
