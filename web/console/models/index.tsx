import { Title } from "@mantine/core";

export default function Models() {
  return <Title order={1}>Models</Title>;
}
