import { useSyncExternalStore } from "react";

import { api, ApiError, unwrap } from "../api/client";
import type {
  AccountAsked,
  AccountShown,
  Answered,
  Cards,
  CardsAsked,
  CategoryAsked,
  CategoryShown,
  EventsTaken,
  EventsTold,
  ForgetAsked,
  Forgetting,
  Listing,
  Product,
  ProductAsked,
  SearchAsked,
  Shelf,
  ShelvesShown,
  ShelvesWanted,
  ShopFront,
} from "../api/schema";

/** One call that was answered (or refused), as the drawer behind the scenes shows it. */
export interface NotedCall {
  id: number;
  /** When it was answered, milliseconds. */
  at: number;
  /** The operation's name, its method and path, and what was asked. */
  name: string;
  method: "GET" | "POST";
  path: string;
  asked: object;
  /** Whom it was about: the user, or the session. */
  shopper: string;
  /** From here to the server and back. */
  ms: number;
  error?: string;
  /** The campaigns that the server asked for it. */
  answers: Answered[];
  /** Of events: those that were sent, and what became of them. */
  events: ShopEvent[];
  taken?: EventsTaken;
  /** The shelves that were answered. */
  shelves?: Shelf[];
}

/** An event in our own dialect, as `/collect` takes it. */
export interface ShopEvent {
  event_type: string;
  event_id?: string;
  item_id?: string;
  recommendation_id?: string;
  impression?: string[];
  quantity?: number;
  price?: number;
  value?: number;
  order_id?: string;
  search_query?: string;
  position?: number;
  place?: string;
}

/** What is asked; what is left out has its default. */
export type Asking<T extends { shop: string }> = Partial<T> & { shop: string };

const KEPT = 200;
let noted: readonly NotedCall[] = [];
let count = 0;
const listeners = new Set<() => void>();

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function note(call: Omit<NotedCall, "id" | "at">): void {
  noted = [{ id: ++count, at: Date.now(), ...call }, ...noted].slice(0, KEPT);
  for (const each of listeners) each();
}

/** The last calls, the newest first. */
export function useCalls(): readonly NotedCall[] {
  return useSyncExternalStore(listen, () => noted);
}

/** Forget what was noted. */
export function clearCalls(): void {
  noted = [];
  for (const each of listeners) each();
}

interface About<T> {
  name: string;
  method: "GET" | "POST";
  path: string;
  asked: object & { user?: string; session?: string };
  answers?: (answer: T) => (Answered | null | undefined)[];
  events?: ShopEvent[];
  taken?: (answer: T) => EventsTaken;
  shelves?: (answer: T) => Shelf[];
}

/** Make a call and note how it went. */
export async function called<T>(about: About<T>, asking: () => Promise<T>): Promise<T> {
  const { name, method, path, asked } = about;
  const started = performance.now();
  const shopper = asked.user || asked.session || "";
  const common = { name, method, path, asked, shopper, events: about.events ?? [] };
  try {
    const answer = await asking();
    const answers = (about.answers?.(answer) ?? []).filter((each): each is Answered => !!each);
    note({ ...common, ms: performance.now() - started, answers, taken: about.taken?.(answer), shelves: about.shelves?.(answer) });
    return answer;
  } catch (error) {
    const said = error instanceof ApiError ? `${error.status} ${error.message}` : String(error);
    note({ ...common, ms: performance.now() - started, answers: [], error: said });
    throw error;
  }
}

/** What every page of a shop needs. */
export function askFront(shop: string): Promise<ShopFront> {
  return unwrap(api.GET("/shop/api/shop", { params: { query: { shop } } }));
}

export function askShelves(body: Asking<ShelvesWanted>): Promise<ShelvesShown> {
  return called(
    {
      name: "getShelves",
      method: "POST",
      path: "/shop/api/shelves",
      asked: body,
      answers: (answer) => answer.shelves.map((shelf) => shelf.answered),
      shelves: (answer) => answer.shelves,
    },
    () => unwrap(api.POST("/shop/api/shelves", { body: body as ShelvesWanted })),
  );
}

export function askCategory(query: Asking<CategoryAsked>): Promise<CategoryShown> {
  return called(
    {
      name: "getCategory",
      method: "GET",
      path: "/shop/api/category",
      asked: query,
      answers: (answer) => [answer.listing.answered],
    },
    () => unwrap(api.GET("/shop/api/category", { params: { query: query as CategoryAsked } })),
  );
}

export function askSearch(query: Asking<SearchAsked>): Promise<Listing> {
  return called(
    { name: "searchShop", method: "GET", path: "/shop/api/search", asked: query, answers: (answer) => [answer.answered] },
    () => unwrap(api.GET("/shop/api/search", { params: { query: query as SearchAsked } })),
  );
}

export function askProduct(query: ProductAsked): Promise<Product> {
  return unwrap(api.GET("/shop/api/product", { params: { query } }));
}

export function askCards(body: CardsAsked): Promise<Cards> {
  return unwrap(api.POST("/shop/api/cards", { body }));
}

export function askAccount(query: Asking<AccountAsked>): Promise<AccountShown> {
  return called({ name: "getAccount", method: "GET", path: "/shop/api/account", asked: query }, () =>
    unwrap(api.GET("/shop/api/account", { params: { query: query as AccountAsked } })),
  );
}

export function askForget(body: Asking<ForgetAsked>): Promise<Forgetting> {
  return called({ name: "forgetMe", method: "POST", path: "/shop/api/forget", asked: body }, () =>
    unwrap(api.POST("/shop/api/forget", { body: body as ForgetAsked })),
  );
}

export function askForgetting(job: string): Promise<Forgetting> {
  return unwrap(api.GET("/shop/api/forget", { params: { query: { job } } }));
}

/** Tell what a shopper did. */
export function tellEvents(who: Omit<EventsTold, "events">, events: ShopEvent[]): Promise<EventsTaken> {
  const body = { ...who, events: events as unknown as EventsTold["events"] };
  return called(
    { name: "tellEvents", method: "POST", path: "/shop/api/events", asked: body, events, taken: (answer) => answer },
    () => unwrap(api.POST("/shop/api/events", { body })),
  );
}
