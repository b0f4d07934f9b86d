/** A page in a test: views over a fake kernel, in a document and with storage of their own. */
import { afterEach, beforeEach, vi } from "vitest";
import { CommConnection, type WidgetModel } from "../src/connection";
import { MemoryStore, type Store } from "../src/lib/storage";
import { View } from "../src/view";
import { FakeKernel, type FakeModel } from "./fake-model";
import { documents, type FakeOptions } from "./fake-session";

export class Durable extends MemoryStore {
  override set(key: string, value: string): boolean {
    super.set(key, value);
    return true;
  }
}

export let stores: { local: Store; session: Store };
let views: View[];

beforeEach(() => {
  vi.useFakeTimers();
  stores = { local: new Durable(), session: new Durable() };
  views = [];
});

afterEach(() => {
  for (const view of views) view.stop();
  document.body.replaceChildren();
  vi.useRealTimers();
});

export async function open(kernel: FakeKernel, model: FakeModel = kernel.model(), tab = stores): Promise<View> {
  const el = document.createElement("div");
  document.body.append(el);
  const view = new View(el, new CommConnection(model as unknown as WidgetModel), tab);
  views.push(view);
  await settle();
  return view;
}

/** The page goes away without a goodbye: no clean-up runs, nothing of it hears or acts any more. */
export function reload(kernel: FakeKernel): void {
  vi.clearAllTimers();
  kernel.models.clear();
  Reflect.deleteProperty(globalThis, Symbol.for("alwidget.views"));
  views = [];
  document.body.replaceChildren();
}

export async function settle(ms = 20): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

export function start(options: FakeOptions = {}): FakeKernel {
  return new FakeKernel({ documents: documents(40), ...options });
}

export const find = (view: View, id: string) => view.root.querySelector<HTMLElement>(`[data-testid="${id}"]`);
export const text = (view: View, id: string) => find(view, id)?.textContent ?? "";
export const card = (view: View) => find(view, "card")?.dataset.itemId ?? null;
export const said = (kernel: FakeKernel) => kernel.session.said.map(({ decide }) => [decide.item, decide.value]);

export async function press(view: View, ...keys: string[]): Promise<void> {
  for (const name of keys) {
    const parts = name.split("+");
    const key = parts.at(-1) ?? "";
    const code = /^\d$/.test(key)
      ? `Digit${key}`
      : key === " "
        ? "Space"
        : /^[a-z]$/i.test(key)
          ? `Key${key.toUpperCase()}`
          : key;
    const modifiers = { ctrlKey: parts.includes("Control"), shiftKey: parts.includes("Shift") };
    const focused = document.activeElement;
    const target = view.root.contains(focused) && focused !== null ? focused : view.root;
    target.dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true, ...modifiers }));
    await settle();
  }
}
