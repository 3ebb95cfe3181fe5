import { Center, Loader } from "@mantine/core";
import { type ComponentType, lazy, Suspense, useEffect } from "react";

import { Shopping } from "./frame/Shopping";
import { HomePage } from "./home/HomePage";
import { Shops } from "./home/Shops";
import { usePlace } from "./place";

const CategoryPage = lazy(() => import("./category/CategoryPage"));
const SearchPage = lazy(() => import("./search/SearchPage"));
const ProductPage = lazy(() => import("./product/ProductPage"));
const CartPage = lazy(() => import("./cart/CartPage"));
const CheckoutPage = lazy(() => import("./checkout/CheckoutPage"));
const OrderPage = lazy(() => import("./checkout/OrderPage"));
const AccountPage = lazy(() => import("./account/AccountPage"));
const SideBySide = lazy(() => import("./picker/SideBySide"));
const OwnShopPage = lazy(() => import("./own-shop/OwnShopPage"));
const NotHere = lazy(() => import("./frame/NotHere"));

/** What every page is given: the parts of its address behind its name. */
export interface PageProps {
  parts: string[];
}

const PAGES: Record<string, ComponentType<PageProps>> = {
  "": HomePage,
  c: CategoryPage,
  search: SearchPage,
  p: ProductPage,
  cart: CartPage,
  checkout: CheckoutPage,
  order: OrderPage,
  account: AccountPage,
  "side-by-side": SideBySide,
};

/** The shop's pages by their addresses: `/shop` lists the shops, `/shop/NAME/…` are one's. */
export function App() {
  const [shop, name = "", ...parts] = usePlace();
  const at = [name, ...parts].join("/");
  useEffect(() => {
    window.scrollTo(0, 0); // what it gives back is no clean-up
  }, [at]);
  if (!shop) return <Shops />;
  if (shop === "new" && !name) {
    return (
      <Suspense fallback={<Waiting />}>
        <OwnShopPage />
      </Suspense>
    );
  }
  const Page = Object.hasOwn(PAGES, name) ? (PAGES[name] ?? NotHere) : NotHere;
  return (
    <Shopping key={shop} shop={shop}>
      <Suspense fallback={<Waiting />}>
        <Page key={at} parts={parts} />
      </Suspense>
    </Shopping>
  );
}

function Waiting() {
  return (
    <Center mih="80vh">
      <Loader role="status" aria-label="Loading" />
    </Center>
  );
}
