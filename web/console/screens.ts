import { IconDatabase, IconHome, IconPlayerPlay, IconRoute, IconSearch } from "@tabler/icons-react";
import { type ComponentType, lazy, type LazyExoticComponent } from "react";

export interface Screen {
  name: string;
  title: string;
  about: string;
  icon: ComponentType<{ size?: number; "aria-hidden"?: boolean }>;
  page: LazyExoticComponent<ComponentType>;
}

/** The screens in the order of use; the first is where one begins. */
export const SCREENS: Screen[] = [
  { name: "home", title: "Home", about: "What to do next, and how it goes", icon: IconHome, page: lazy(() => import("./home")) },
  { name: "inspector", title: "Inspector", about: "What a shopper sees, and why", icon: IconSearch, page: lazy(() => import("./inspector")) },
  { name: "data", title: "Data", about: "Import, health, rows, live events", icon: IconDatabase, page: lazy(() => import("./data")) },
  { name: "models", title: "Models", about: "Train, compare, publish, roll back", icon: IconRoute, page: lazy(() => import("./models")) },
  { name: "runs", title: "Runs", about: "Jobs, their progress and logs", icon: IconPlayerPlay, page: lazy(() => import("./runs")) },
];
