import { Card, Stack, Stepper, TextInput, Title } from "@mantine/core";
import { useState } from "react";

import { SameIn } from "../../ui/SameIn";
import { useAddress } from "../where";
import { DropFiles } from "./DropFiles";
import { word } from "./format";
import { ImportRun } from "./ImportRun";
import { Mapping } from "./Mapping";
import { PastImports } from "./PastImports";

/** From a file to rows: send it, say which column is what, try it, import it. Each step has its own address. */
export function Importing({ shop: current }: { shop: string }) {
  const [address, change] = useAddress();
  const [name, setName] = useState(current);
  const shop = current || name;
  const uploads = (address.get("files") ?? "").split(",").filter(Boolean);
  const run = address.get("run") ?? "";
  const step = run ? 2 : uploads.length ? 1 : 0;
  const back = (to: number) => change(to === 0 ? { files: null, run: null } : { run: null });
  return (
    <Stack gap="lg">
      <Card>
        <Title order={2} size="h3" mb="md">
          Import files
        </Title>
        <Stepper active={step} onStepClick={back} size="sm" mb="lg" allowNextStepsSelect={false}>
          <Stepper.Step label="Files" description="CSV, JSON Lines, Parquet, Excel" />
          <Stepper.Step label="Columns" description="What each one is" />
          <Stepper.Step label="Rows" description="Tried first, then imported" />
        </Stepper>
        {step === 0 && !current && (
          <TextInput
            label="Name of the new shop"
            description="Letters, digits and dashes"
            value={name}
            onChange={(event) => setName(event.currentTarget.value.trim())}
            mb="md"
            maw={320}
          />
        )}
        {step === 0 && <DropFiles shop={shop} onDone={(ids) => change({ files: ids.join(","), shop })} />}
        {step === 1 && <Mapping shop={shop} uploads={uploads} onStarted={(id) => change({ run: id })} onOther={() => back(0)} />}
        {step === 2 && <ImportRun shop={shop} id={run} onBack={() => back(1)} onAgain={() => back(0)} canGoBack={uploads.length > 0} />}
      </Card>
      <PastImports shop={shop} />
      <SameIn
        same={{
          cli: `endcap import orders.csv items.csv --shop ${word(shop || "NAME")} --map user_id=customer`,
          python: `from pathlib import Path\nfrom endcap.jobs.intake import bring_in\n\nreport = bring_in(workspace, workspace.new_shop(${JSON.stringify(shop || "NAME")}), [Path("orders.csv")], mapping={"user_id": "customer"})\nprint(report.json())`,
          api: `curl -s --data-binary @orders.csv -H "content-type: application/octet-stream" -H "authorization: Bearer $ENDCAP_TOKEN" \\\n  "$ENDCAP_URL/console/api/uploads?shop=${encodeURIComponent(shop || "NAME")}&name=orders.csv"\ncurl -s "$ENDCAP_URL/console/api/imports" -H "authorization: Bearer $ENDCAP_TOKEN" -H "content-type: application/json" \\\n  -d '{"shop": "${shop || "NAME"}", "uploads": ["ID"], "dryRun": true}'`,
        }}
      />
    </Stack>
  );
}
