import { Title } from "@mantine/core";

export default function Data() {
  return <Title order={1}>Data</Title>;
}
