import { ActionIcon, Group, Indicator, Text, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconShoppingCart, IconUser } from "@tabler/icons-react";
import { Link } from "wouter";

import { SchemeSwitch } from "../../ui/SchemeSwitch";
import icon from "../../ui/icon.svg";
import { CartDrawer } from "../cart/CartDrawer";
import { useFront } from "../front";
import { useLinks } from "../links";
import { counted } from "../named";
import { Picker } from "../picker";
import { useVisit } from "../visit";
import { AisleMenu } from "./AisleMenu";
import classes from "./Frame.module.css";
import { SearchBox } from "./SearchBox";

/** The name that the server gives a shop by default: what stands there first is as wide as what follows. */
function titled(shop: string): string {
  return shop.replace(/[-_]/g, " ").replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
}

/** The shop's name, its aisles, the search, who is shopping, and the cart. */
export function Header() {
  const links = useLinks();
  const front = useFront();
  const { shop, count } = useVisit();
  const [isOpen, drawer] = useDisclosure();
  return (
    <header className={classes.header}>
      <div className={classes.bar}>
        <Link href={links.home} className={classes.name}>
          <img src={icon} alt="" width={28} height={28} />
          <Text fw={700} size="lg" lineClamp={1} component="span" className={classes.title}>
            {front.data?.title ?? titled(shop)}
          </Text>
        </Link>
        <AisleMenu />
        <div className={classes.search}>
          <SearchBox />
        </div>
        <Group gap={6} wrap="nowrap" ml="auto">
          <Picker />
          <Tooltip label="Your account">
            <ActionIcon component={Link} href={links.account()} size="lg" color="gray" aria-label="Your account">
              <IconUser size={20} />
            </ActionIcon>
          </Tooltip>
          <span className={classes.scheme}>
            <SchemeSwitch />
          </span>
          <Indicator label={count} size={18} disabled={!count} offset={4}>
            <ActionIcon size="lg" variant="light" onClick={drawer.open} aria-label={`Cart, ${counted(count, "product")}`}>
              <IconShoppingCart size={20} />
            </ActionIcon>
          </Indicator>
        </Group>
      </div>
      <CartDrawer isOpen={isOpen} onClose={drawer.close} />
    </header>
  );
}
