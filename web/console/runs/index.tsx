import { Title } from "@mantine/core";

export default function Runs() {
  return <Title order={1}>Runs</Title>;
}
