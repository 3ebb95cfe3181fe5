import { Anchor, Container, Stack, Text, Title } from "@mantine/core";
import { useEffect } from "react";
import { Link } from "wouter";

import { useQueryValue } from "../place";
import { Progress } from "./Progress";
import { SendFile } from "./SendFile";

/** `/shop/new`: a product file becomes a shop. What is on its way stands in the address. */
export default function OwnShopPage() {
  const [shop, setShop] = useQueryValue("name");
  useEffect(() => {
    document.title = "Your own shop · Endcap";
  }, []);
  return (
    <Container component="main" size="md" py={48}>
      <Stack gap="xl">
        <div>
          <Anchor component={Link} href="/shop?all=1" size="sm">
            All shops
          </Anchor>
          <Title order={1}>Your own shop</Title>
          <Text c="var(--quiet)">
            Drop a product file. It is read here, stays here, and becomes a working shop in a few minutes: at first by what
            your products say of themselves, later by what shoppers do.
          </Text>
        </div>
        {shop ? <Progress shop={shop} onAgain={() => setShop("")} /> : <SendFile onSent={setShop} />}
      </Stack>
    </Container>
  );
}
