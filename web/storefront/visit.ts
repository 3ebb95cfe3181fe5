import { createContext, createElement, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";

import type { EventsTaken } from "../api/schema";
import { type ShopEvent, tellEvents } from "./calls";

/** So many of a product in the cart. */
export interface CartLine {
  item: string;
  quantity: number;
}

/** What was ordered, as the confirmation shows it. */
export interface PlacedOrder {
  id: string;
  at: number;
  lines: (CartLine & { price?: number | null })[];
}

/** What the browser keeps of one shopper in one shop. */
interface Kept {
  session: string;
  cart: CartLine[];
  order: PlacedOrder | null;
  /** Grows with each event that was taken: what is shown may be another by now. */
  moves: number;
}

/** A shopper's visit: who it is, what lies in the cart, and how to tell what they do. */
export interface Visit extends Kept {
  shop: string;
  /** Empty for somebody anonymous. */
  user: string;
  /** By what the engine knows them: the user, else the session. */
  shopper: string;
  /** How many products lie in the cart. */
  count: number;
  /** Become another shopper (empty: anonymous), at the same place. */
  become(user: string): void;
  /** Send events; they are durable, and count in the next answer, when this resolves. */
  tell(...events: ShopEvent[]): Promise<EventsTaken>;
  /** Resolves when everything told so far is taken. */
  settled(): Promise<unknown>;
  /** Put more into the cart and tell of it; `from` is the recommendation that it came from. */
  add(items: { item: string; quantity?: number; price?: number | null }[], from?: string): Promise<EventsTaken>;
  /** Change a quantity; 0 takes it out. */
  set(item: string, quantity: number, price?: number | null): Promise<EventsTaken>;
  /** Remember the order that was placed, and empty the cart. */
  ordered(order: PlacedOrder): void;
  /** Begin anew as somebody nobody knows. */
  restart(): void;
}

type Listener = () => void;

/** One shopper's store, kept in the browser. */
class Store {
  kept: Kept;
  #listeners = new Set<Listener>();
  #pending = new Set<Promise<unknown>>();

  constructor(
    readonly shop: string,
    readonly user: string,
  ) {
    this.kept = this.#read();
  }

  listen = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  view = (): Kept => this.kept;

  change(kept: Partial<Kept>): void {
    this.kept = { ...this.kept, ...kept };
    try {
      localStorage.setItem(this.#place, JSON.stringify(this.kept));
    } catch {
      // A browser that keeps nothing still shows the visit until the page goes.
    }
    for (const each of this.#listeners) each();
  }

  async tell(events: ShopEvent[]): Promise<EventsTaken> {
    const telling = tellEvents({ shop: this.shop, user: this.user, session: this.kept.session }, events);
    this.#pending.add(telling);
    try {
      const taken = await telling;
      if (events.some((event) => event.event_type !== "Impression")) {
        this.change({ moves: this.kept.moves + 1 });
      }
      return taken;
    } finally {
      this.#pending.delete(telling);
    }
  }

  settled(): Promise<unknown> {
    return Promise.allSettled([...this.#pending]);
  }

  get #place(): string {
    return `endcap.visit.${this.shop}.${this.user}`;
  }

  #read(): Kept {
    try {
      const found: unknown = JSON.parse(localStorage.getItem(this.#place) ?? "null");
      if (isKept(found)) return { ...found, moves: found.moves || 0 };
    } catch {
      // Nothing that can be read is kept: begin anew.
    }
    const kept = { session: newSession(), cart: [], order: null, moves: 0 };
    try {
      localStorage.setItem(this.#place, JSON.stringify(kept));
    } catch {
      // As in `change`.
    }
    return kept;
  }
}

function isKept(found: unknown): found is Kept {
  if (typeof found !== "object" || found === null) return false;
  const kept = found as Partial<Kept>;
  return typeof kept.session === "string" && Array.isArray(kept.cart);
}

function newSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return `s-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

const stores = new Map<string, Store>();

function storeOf(shop: string, user: string): Store {
  const name = JSON.stringify([shop, user]);
  let store = stores.get(name);
  if (!store) {
    store = new Store(shop, user);
    stores.set(name, store);
  }
  return store;
}

const Context = createContext<{ store: Store; become: (user: string) => void } | null>(null);

interface ProviderProps {
  shop: string;
  user: string;
  become: (user: string) => void;
  children: ReactNode;
}

/** Whose visit what is inside shows. One inside another shows a second shopper. */
export function VisitProvider({ shop, user, become, children }: ProviderProps) {
  const store = storeOf(shop, user);
  const value = useMemo(() => ({ store, become }), [store, become]);
  return createElement(Context.Provider, { value }, children);
}

/** The visit of the shopper around. */
export function useVisit(): Visit {
  const context = useContext(Context);
  if (!context) throw new Error("useVisit needs a VisitProvider around it.");
  const { store, become } = context;
  const kept = useSyncExternalStore(store.listen, store.view);
  return useMemo(() => visitOf(store, kept, become), [store, kept, become]);
}

function visitOf(store: Store, kept: Kept, become: (user: string) => void): Visit {
  const { shop, user } = store;
  return {
    ...kept,
    shop,
    user,
    become,
    shopper: user || kept.session,
    count: kept.cart.reduce((sum, line) => sum + line.quantity, 0),
    tell: (...events) => store.tell(events),
    settled: () => store.settled(),
    add: (items, from) => add(store, items, from),
    set: (item, quantity, price) => set(store, item, quantity, price),
    ordered: (order) => store.change({ cart: [], order }),
    restart: () => store.change({ session: newSession(), cart: [], order: null, moves: 0 }),
  };
}

function add(store: Store, items: Parameters<Visit["add"]>[0], from?: string): Promise<EventsTaken> {
  const cart = [...store.kept.cart];
  for (const { item, quantity = 1 } of items) {
    const at = cart.findIndex((line) => line.item === item);
    const before = cart[at];
    if (before) cart[at] = { item, quantity: before.quantity + quantity };
    else cart.push({ item, quantity });
  }
  store.change({ cart });
  return store.tell(
    items.map(({ item, quantity = 1, price }) => ({
      event_type: "AddToCart",
      item_id: item,
      quantity,
      ...(price != null && { price }),
      ...(from && { recommendation_id: from }),
    })),
  );
}

function set(store: Store, item: string, quantity: number, price?: number | null): Promise<EventsTaken> {
  const before = store.kept.cart.find((line) => line.item === item)?.quantity ?? 0;
  const cart = store.kept.cart.flatMap((line) =>
    line.item !== item ? [line] : quantity > 0 ? [{ item, quantity }] : [],
  );
  store.change({ cart });
  if (quantity === before) return Promise.resolve({ accepted: 0, rejected: [], ms: 0 });
  return store.tell([
    {
      event_type: quantity > before ? "AddToCart" : "RemoveFromCart",
      item_id: item,
      quantity: Math.abs(quantity - before),
      ...(price != null && { price }),
    },
  ]);
}
