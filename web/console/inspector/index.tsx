import { Title } from "@mantine/core";

export default function Inspector() {
  return <Title order={1}>Inspector</Title>;
}
