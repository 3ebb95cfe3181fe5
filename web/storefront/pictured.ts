import type { Card } from "../api/schema";
import type { Pictured } from "../ui/Picture";

/** What the picture of a product is composed from. */
export function pictured({ item, title, categories, colour, material, image }: Card): Pictured {
  return { id: item, title, category: categories.join(" > "), colour, material, image };
}
