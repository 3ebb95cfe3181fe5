import { IconArrowsExchange, IconBarbell, IconBroadcast, IconVersions } from "@tabler/icons-react";

import { EmptyState } from "../../ui/EmptyState";
import { Parts } from "../Parts";
import { useShop } from "../where";
import { Compare } from "./Compare";
import { Serving } from "./Serving";
import { Train } from "./Train";
import { Versions } from "./Versions";

const PARTS = [
  { name: "versions", title: "Versions", icon: IconVersions, part: Versions },
  { name: "train", title: "Train", icon: IconBarbell, part: Train },
  { name: "compare", title: "Compare", icon: IconArrowsExchange, part: Compare },
  { name: "serving", title: "Serving", icon: IconBroadcast, part: Serving },
] as const;

/** A shop's models: train them, judge them, let them serve, take them back. */
export default function Models() {
  const shop = useShop();
  const none = (
    <EmptyState title="There is no shop yet" command="endcap import FILE --shop NAME">
      Import what shoppers did first: the Data screen takes any file.
    </EmptyState>
  );
  const about = "What was trained on which data, how good it is and for whom, and who gets it.";
  return <Parts title="Models" about={about} parts={PARTS} shop={shop} instead={shop ? undefined : none} />;
}
