/** How tills shorten words; only what cannot be taken for another. */
const SHORT: Record<string, string> = {
  Bkd: "Baked",
  Bn: "Bean",
  Btr: "Butter",
  Ckys: "Cookies",
  Cleang: "Cleaning",
  Cndy: "Candy",
  Cntrl: "Central",
  Conc: "Concentrate",
  Crkr: "Crackers",
  Dinrs: "Dinners",
  Dnr: "Dinner",
  Drnk: "Drink",
  Drnks: "Drinks",
  Drsng: "Dressing",
  Dsh: "Dish",
  Fd: "Food",
  Flvrd: "Flavoured",
  Frzn: "Frozen",
  Gm: "& General Merchandise",
  Jce: "Juice",
  Mxs: "Mixes",
  Pckgd: "Packaged",
  Pkld: "Pickled",
  Pnt: "Peanut",
  Pwdr: "Powder",
  Refrgratd: "Refrigerated",
  Sald: "Salad",
  Sherbts: "Sherbets",
  Snks: "Snacks",
  Sndwch: "Sandwich",
  Sply: "Supply",
  Sprd: "Spread",
  Tiss: "Tissue",
  Trsh: "Trash",
  Veg: "Vegetable",
  Wtr: "Water",
};

/** A category's name for people: catalogues often write theirs in capitals, and cut their words short. */
export function named(name: string): string {
  if (name !== name.toUpperCase() || name === name.toLowerCase()) return name;
  return name
    .toLowerCase()
    .replace(/(^|[\s/&(-])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase())
    .replace(/[A-Za-z]+/g, (word) => (Object.hasOwn(SHORT, word) ? (SHORT[word] ?? word) : word));
}

/** A shopper's id, told to be one where it is a bare number. */
export function person(user: string): string {
  return /^\d+$/.test(user) ? `shopper ${user}` : user;
}

/** So many of something, in words. */
export function counted(count: number, what: string): string {
  return `${count.toLocaleString("en-GB")} ${what}${count === 1 ? "" : "s"}`;
}
