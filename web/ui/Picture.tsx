import { Box } from "@mantine/core";

export interface Pictured {
  id: string;
  title: string;
  category?: string | null;
}

/** The picture of a product. */
export function Picture({ item, size = 160 }: { item: Pictured; size?: number }) {
  return <Box aria-hidden w={size} h={size} bg="var(--mantine-color-default-hover)" title={item.title} />;
}
