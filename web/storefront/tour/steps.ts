import type { NotedCall } from "../calls";
import type { Tab } from "../stage/opened";

/** What a step looks at to know that it is done. */
export interface Seen {
  /** The page: what follows the shop in the address. */
  page: string;
  user: string;
  calls: readonly NotedCall[];
  stage: Tab | "";
}

export interface Step {
  title: string;
  text: string;
  /** What is lit up: the first of these that is on the page. */
  target: string;
  /** What is to be done; without `isDone` reading on is all. */
  todo?: string;
  isDone?: (seen: Seen) => boolean;
}

function views(calls: readonly NotedCall[]): number {
  const events = calls.flatMap((call) => (call.taken?.accepted ? call.events : []));
  return new Set(events.flatMap((event) => (event.event_type === "View" && event.item_id ? [event.item_id] : []))).size;
}

/** Ten steps through what the engine does. */
export const STEPS: Step[] = [
  {
    title: "A shop that knows nobody",
    text: "Nobody told it who you are, so it shows what shoppers take more often now than they used to.",
    target: "[data-shelf='trending'], [data-shelf]",
  },
  {
    title: "Open a product",
    text: "Any that you like. Looking at it is all that the shop needs to learn something.",
    target: "[data-shelf] [data-item], [data-item]",
    todo: "Open a product.",
    isDone: (seen) => seen.page.startsWith("p/"),
  },
  {
    title: "Go behind the scenes",
    text: "Everything that the pages ask and tell the engine can be watched.",
    target: "[data-tour='stage'], [data-stage]",
    todo: "Open “Behind the scenes”.",
    isDone: (seen) => seen.stage !== "",
  },
  {
    title: "Your view is an event",
    text: "It was taken, made durable and counted in the time that stands beside it. The next answer already knows it.",
    target: "[data-call='tellEvents'], [data-stage]",
  },
  {
    title: "Look at two more",
    text: "Similar products help: the more alike they are, the clearer it gets.",
    target: "[data-shelf='similar'], [data-shelf], main",
    todo: "Open products until three were viewed.",
    isDone: (seen) => views(seen.calls) >= 3,
  },
  {
    title: "Back to the front page",
    text: "Nothing was trained meanwhile. The shop’s name in the corner leads back.",
    target: "header a",
    todo: "Go to the front page.",
    isDone: (seen) => seen.page === "",
  },
  {
    title: "Your own shelf",
    text: "What stands here was chosen for this visit: each click counts in the very next answer.",
    target: "[data-shelf='for-you'], [data-shelf]",
  },
  {
    title: "Ask why",
    text: "Reasons are measured: the engine answers again without each thing you did, and says what falls.",
    target: "[data-stage], [data-tour='stage']",
    todo: "Open the tab “Why”.",
    isDone: (seen) => seen.stage === "why",
  },
  {
    title: "Watch tastes move",
    text: "Categories and brands by what you did, before this visit and in it.",
    target: "[data-stage], [data-tour='stage']",
    todo: "Open the tab “Tastes”.",
    isDone: (seen) => seen.stage === "tastes",
  },
  {
    title: "Be somebody else",
    text: "Real shoppers, with all that they ever took. The same shop looks different to each of them.",
    target: "[data-tour='picker']",
    todo: "Choose a shopper from the list of real ones.",
    isDone: (seen) => seen.user !== "",
  },
];
