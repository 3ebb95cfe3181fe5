import { IconActivity, IconFileImport, IconListDetails, IconStethoscope, IconTable, IconTargetArrow } from "@tabler/icons-react";

import { Parts } from "../Parts";
import { useShop } from "../where";
import { Arriving } from "./Arriving";
import { Browse } from "./Browse";
import { Health } from "./Health";
import { Importing } from "./Importing";
import { Overview } from "./Overview";
import { Readiness } from "./Readiness";

const PARTS = [
  { name: "overview", title: "Overview", icon: IconListDetails, part: Overview },
  { name: "import", title: "Import", icon: IconFileImport, part: Importing },
  { name: "health", title: "Health", icon: IconStethoscope, part: Health },
  { name: "readiness", title: "Readiness", icon: IconTargetArrow, part: Readiness },
  { name: "rows", title: "Rows", icon: IconTable, part: Browse },
  { name: "live", title: "Live events", icon: IconActivity, part: Arriving },
] as const;

/** A shop's data: what there is, how it comes in, what is odd about it, and what it is enough for. */
export default function Data() {
  const about = "What recommendations are learned from: bring it in, see what is odd about it and what that does.";
  return <Parts title="Data" about={about} parts={PARTS} shop={useShop()} />;
}
