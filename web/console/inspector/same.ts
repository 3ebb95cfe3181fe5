import type { Same } from "../../ui/SameIn";
import { asked, type Subject } from "./asking";

/** The same inspection as a command, as Python and as a request. */
export function sameOf(subject: Subject): Same {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const options = [
    `--shop ${subject.shop}`,
    subject.campaign && `--campaign ${subject.campaign}`,
    subject.version && `--version ${subject.version}`,
    subject.about && `--about ${quoted(subject.about)}`,
    subject.at && `--as-of ${new Date(subject.at).toISOString()}`,
    subject.filter && `--filter ${quoted(subject.filter)}`,
    ...subject.without.map((place) => `--without ${place}`),
    subject.missing && `--not ${quoted(subject.missing)}`,
  ].filter(Boolean);
  const body = Object.fromEntries(Object.entries(asked(subject)).filter(([, value]) => (typeof value === "object" ? Object.keys(value).length : value)));
  const text = JSON.stringify(body);
  const python = [
    "import json, os, urllib.request",
    "",
    `body = ${JSON.stringify(text)}`,
    "request = urllib.request.Request(",
    '    os.environ["ENDCAP_URL"] + "/console/api/inspector/inspect", body.encode(),',
    '    {"content-type": "application/json", "authorization": "Bearer " + os.environ["ENDCAP_TOKEN"]},',
    ")",
    "for item in json.load(urllib.request.urlopen(request))[\"items\"]:",
    '    print(item["place"], item["title"], item["reason"], [cause["sentence"] for cause in item["causes"]])',
  ].join("\n");
  return {
    cli: `endcap why ${quoted(subject.user || "USER")} ${options.join(" ")}`,
    python,
    api: `curl -s "$ENDCAP_URL/console/api/inspector/inspect" -H "authorization: Bearer $ENDCAP_TOKEN" \\\n  -H 'content-type: application/json' -d ${quoted(text)}`,
  };
}
