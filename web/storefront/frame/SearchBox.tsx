import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type FormEvent, useEffect, useState } from "react";
import { useLocation } from "wouter";

import { useLinks } from "../links";
import { useQueryValue } from "../place";

/** What is searched for: enter leads to the results. */
export function SearchBox() {
  const links = useLinks();
  const [asked] = useQueryValue("q");
  const [words, setWords] = useState(asked);
  const [, navigate] = useLocation();
  useEffect(() => setWords(asked), [asked]);
  const search = (event: FormEvent) => {
    event.preventDefault();
    if (words.trim()) navigate(links.search(words.trim()));
  };
  return (
    <form role="search" onSubmit={search}>
      <TextInput
        type="search"
        name="q"
        value={words}
        onChange={(event) => setWords(event.currentTarget.value)}
        placeholder="Search the shop"
        aria-label="Search the shop"
        leftSection={<IconSearch size={16} aria-hidden />}
        radius="xl"
        maxLength={200}
        autoComplete="off"
      />
    </form>
  );
}
