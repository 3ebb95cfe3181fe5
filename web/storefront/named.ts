/** A category's name for people: catalogues often write theirs in capitals. */
export function named(name: string): string {
  if (name !== name.toUpperCase() || name === name.toLowerCase()) return name;
  return name
    .toLowerCase()
    .replace(/(^|[\s/&(-])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}
