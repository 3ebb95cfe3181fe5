import type { Card } from "../api/schema";
import type { Pictured } from "../ui/Picture";

/** What the picture of a product is composed from. */
export function pictured(card: Card): Pictured {
  return {
    id: card.item,
    title: card.title,
    category: card.categories.join(" > "),
    colour: card.colour,
    material: card.material,
    image: card.image,
  };
}
