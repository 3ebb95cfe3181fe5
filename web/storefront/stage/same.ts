import type { Answered } from "../../api/schema";
import type { Same } from "../../ui/SameIn";
import type { NotedCall } from "../calls";

/** A call as it could be made from elsewhere: the same question to the campaign, or the same events. */
export function sameOf(call: NotedCall, answered?: Answered): Same {
  return answered ? sameAnswer(call, answered) : sameCall(call);
}

function sameAnswer(call: NotedCall, asked: Answered): Same {
  const ranks = asked.operation === "ranking";
  const who = { ...(asked.user && { userId: asked.user }), ...(asked.item && { itemId: asked.item }) };
  const context = asked.context && Object.keys(asked.context).length ? { context: asked.context } : {};
  const list = ranks ? { inputList: ["ITEM", "…"] } : { numResults: asked.k };
  const body = { campaignArn: asked.arn, ...who, ...list, ...context };
  const operation = ranks ? "get_personalized_ranking" : "get_recommendations";
  const path = ranks ? "/personalize-ranking" : "/recommendations";
  return { cli: commandOf(call, asked), python: python("personalize-runtime", operation, body), api: curl(path, body, true) };
}

function commandOf(call: NotedCall, asked: Answered): string {
  const shop = "shop" in call.asked ? String(call.asked.shop) : "SHOP";
  const campaign = `--campaign ${word(asked.campaign)} --shop ${word(shop)}`;
  const words = "q" in call.asked ? String(call.asked.q) : "";
  if (words) return `endcap search ${word(words)} ${asked.user ? `--user ${word(asked.user)} ` : ""}${campaign}`;
  if (asked.item) return `endcap similar ${word(asked.item)} -n ${asked.k} ${campaign}`;
  return `endcap recommend ${word(asked.user || "nobody")} -n ${asked.k} ${campaign}`;
}

function sameCall(call: NotedCall): Same {
  if (call.name === "tellEvents") {
    const asked = call.asked as { user?: string; session?: string };
    const events = call.events.map((event) => ({
      eventType: event.event_type,
      sentAt: Math.round(call.at / 1000),
      ...(event.item_id && { itemId: event.item_id }),
      ...(event.recommendation_id && { recommendationId: event.recommendation_id }),
      ...(event.impression && { impression: event.impression }),
    }));
    const who = { sessionId: asked.session ?? "", ...(asked.user && { userId: asked.user }) };
    const body = { trackingId: "YOUR_TRACKING_ID", ...who, eventList: events };
    return { python: python("personalize-events", "put_events", body), api: curl(call.path, call.asked) };
  }
  if (call.method === "GET") {
    const query = new URLSearchParams(
      Object.entries(call.asked).flatMap(([name, value]) => (value === "" || value == null ? [] : [[name, String(value)]])),
    );
    return { api: `curl -s ${word(`${window.location.origin}${call.path}?${query.toString()}`)}` };
  }
  return { api: curl(call.path, call.asked) };
}

function python(service: string, operation: string, body: object): string {
  const given = Object.entries(body).map(([name, value]) => `    ${name}=${literal(value)},`);
  return `import boto3\n\nclient = boto3.client("${service}")  # eval "$(endcap env)" first\nclient.${operation}(\n${given.join("\n")}\n)`;
}

function curl(path: string, body: object, signed = false): string {
  const key = signed ? ` \\\n  -H "authorization: Bearer $ENDCAP_TOKEN"` : "";
  return `curl -s ${window.location.origin}${path} \\\n  -H 'content-type: application/json'${key} \\\n  -d ${word(JSON.stringify(body))}`;
}

/** JSON that Python reads: what is neither true, false nor null is the same there. */
function literal(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value as object).map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

/** One word of a shell's command line, whatever is in it. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
