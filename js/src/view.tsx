/** One view of the widget: puts connection, state and interface together, and takes them apart again. */
import { render } from "preact";
import type { Connection } from "./connection";
import { Controller } from "./controller";
import { DraftKeeper } from "./keeping";
import { DEFAULT_KEYMAP, isMac, type Keymap, PRESET_NAMES } from "./keyboard";
import { lettersPerLine, Room } from "./room";
import { phase } from "./state/selectors";
import { Store } from "./state/store";
import { type Stores, Sync } from "./sync";
import { follow } from "./theme";
import { Timings } from "./timings";
import { App } from "./ui/app";
import type { App as AppValue, PageOptions } from "./ui/context";
import { type CardKeys, onKeyDown } from "./ui/keys";
import { Failure } from "./ui/places";

const KEYMAP = "alwidget:keys";
const OPTIONS = "alwidget:options";
const SLOW_TICK_MS = 1_000;
const LINE_PX = 30;

export class View {
  readonly root: HTMLElement;
  readonly #connection: Connection;
  readonly #stores: Stores;
  readonly #store = new Store();
  readonly #sync: Sync;
  readonly #controller: Controller;
  readonly #room = new Room();
  readonly #keeper: DraftKeeper;
  #cardKeys: CardKeys | null = null;
  readonly #stops: (() => void)[] = [];
  #app: AppValue;
  #perLine = 70;
  #beside = false;
  #drawing = false;
  #stopped = false;
  #broken = false;

  constructor(el: HTMLElement, connection: Connection, stores: Stores) {
    this.#connection = connection;
    this.#stores = stores;
    this.root = makeRoot(el.ownerDocument);
    const timings = new Timings();
    this.#sync = new Sync(connection, this.#store, stores, (client) => timings.acknowledged(client));
    this.#controller = new Controller(this.#store, this.#sync, timings);
    this.#keeper = new DraftKeeper(this.#store, stores.local);
    this.#app = {
      controller: this.#controller,
      keymap: readKeymap(stores),
      setKeymap: (keymap) => this.#setKeymap(keymap),
      options: { together: stores.local.get(OPTIONS) === "together" },
      setOptions: (options) => this.#setOptions(options),
      mac: isMac(),
      focusRoot: () => this.root.focus({ preventScroll: true }),
      setCardKeys: (keys) => {
        this.#cardKeys = keys;
      },
    };
    el.append(this.root);
    this.#style();
    this.#listen();
    this.#stops.push(this.#store.subscribe(() => this.#changed()));
    this.#draw();
    this.#sync.start();
  }

  stop(): void {
    this.#keeper.flush();
    this.#sync.stop();
    for (const stop of this.#stops.splice(0)) {
      stop();
    }
    this.#stopped = true;
    render(null, this.root);
    this.root.remove();
  }

  #listen(): void {
    const target = {
      controller: this.#controller,
      keymap: () => this.#app.keymap,
      card: () => this.#cardKeys,
      focusRoot: this.#app.focusRoot,
      scroll: (by: "line" | "page" | "end", direction: -1 | 1) => scrollDocument(this.root, by, direction),
    };
    this.root.addEventListener("keydown", (event) => onKeyDown(event, target));
    this.root.addEventListener("focusin", () => this.#controller.wake());
    this.root.addEventListener("pointerenter", () => this.#controller.wake());
    const theme = follow(this.root, () => this.#connection.theme());
    this.#stops.push(theme.stop, this.#connection.onTheme(theme.update));
    if (typeof ResizeObserver === "function") {
      // The first of these comes when the host has put the widget into the page: only then it can be seen what is around.
      const observer = new ResizeObserver(() => {
        theme.update();
        this.#measure();
      });
      observer.observe(this.root);
      this.#stops.push(() => observer.disconnect());
    }
    const timer = setInterval(() => this.#controller.changed(), SLOW_TICK_MS);
    this.#stops.push(() => clearInterval(timer));
  }

  #changed(): void {
    this.#controller.changed();
    this.#keeper.changed();
    if (!this.#drawing) {
      this.#drawing = true;
      // After all changes of this event, and before the frame that shows them.
      queueMicrotask(() => {
        this.#drawing = false;
        if (!this.#stopped) {
          this.#draw();
        }
      });
    }
  }

  #draw(): void {
    const had = this.root.contains(this.#focused());
    try {
      this.#reserve();
      render(<App app={this.#app} state={this.#store.state} onCrash={(error) => this.#crashed(error)} />, this.root);
    } catch (error) {
      this.#crashed(error);
      render(<Failure text={error instanceof Error ? error.message : String(error)} />, this.root);
    }
    const { session } = this.#store.state;
    if (session !== null) {
      this.root.setAttribute("aria-label", `label documents: ${session.name}`);
    }
    const now = this.#broken ? "error" : phase(this.#store.state);
    if (this.root.dataset.state !== now) {
      this.root.dataset.state = now;
    }
    // What had the keyboard may be gone, as the chip of a span with another label: keys must not fall to the notebook.
    if (had && !this.root.contains(this.#focused())) {
      this.#app.focusRoot();
    }
  }

  #focused(): Element | null {
    return (this.root.getRootNode() as Document | ShadowRoot).activeElement ?? null;
  }

  /** A fault of ours while drawing: said on the page and in the console, never a blank cell. */
  #crashed(error: unknown): void {
    this.#broken = true;
    console.error("alwidget", error);
  }

  /** Room for the document, so that the labels stand still from card to card. */
  #reserve(): void {
    const { items, queue } = this.#store.state;
    const waiting = () => queue.flatMap((id) => items.get(id) ?? []);
    const lines = this.#room.lines(items.size, waiting, this.#perLine, this.#beside);
    this.root.style.setProperty("--alw-lines", String(lines));
  }

  #measure(): void {
    const text = this.root.querySelector(".alwidget-text");
    if (text === null || text.clientWidth === 0) {
      return;
    }
    const perLine = lettersPerLine(text.clientWidth, Number.parseFloat(getComputedStyle(text).fontSize));
    const [first, second] = this.root.querySelectorAll<HTMLElement>(".alwidget-part");
    const beside = first !== undefined && first.offsetTop === second?.offsetTop;
    if (Math.abs(perLine - this.#perLine) > 2 || beside !== this.#beside) {
      this.#perLine = perLine;
      this.#beside = beside;
      this.#reserve();
    }
  }

  #setKeymap(keymap: Keymap): void {
    this.#app = { ...this.#app, keymap };
    this.#stores.local.set(KEYMAP, JSON.stringify(keymap));
    this.#draw();
  }

  #setOptions(options: PageOptions): void {
    this.#app = { ...this.#app, options };
    this.#stores.local.set(OPTIONS, options.together ? "together" : "");
    this.#draw();
  }

  /** Some hosts bring the style sheet only into the document's head, where a shadow root does not see it. */
  #style(): void {
    const css = this.#connection.css();
    if (css === null || css === "" || getComputedStyle(this.root).getPropertyValue("--alw-styled").trim() !== "") {
      return;
    }
    const style = this.root.ownerDocument.createElement("style");
    style.textContent = css;
    this.root.before(style);
    this.#stops.push(() => style.remove());
  }
}

function makeRoot(document: Document): HTMLElement {
  const root = document.createElement("div");
  root.className = "alwidget-root";
  root.tabIndex = 0;
  root.dataset.state = "loading";
  root.dataset.lmSuppressShortcuts = "true";
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "label documents");
  return root;
}

function scrollDocument(root: HTMLElement, by: "line" | "page" | "end", direction: -1 | 1): boolean {
  const box = root.querySelector<HTMLElement>("[data-scroll]");
  if (box === null || box.scrollHeight <= box.clientHeight + 1) {
    return false;
  }
  if (by === "end") {
    box.scrollTop = direction < 0 ? 0 : box.scrollHeight;
  } else {
    box.scrollTop += direction * (by === "line" ? 2 * LINE_PX : box.clientHeight - LINE_PX);
  }
  return true;
}

function readKeymap(stores: Stores): Keymap {
  try {
    const value: unknown = JSON.parse(stores.local.get(KEYMAP) ?? "null");
    if (typeof value === "object" && value !== null && "preset" in value && "overrides" in value) {
      const preset = PRESET_NAMES.find((name) => name === value.preset);
      const { overrides } = value;
      if (preset !== undefined && typeof overrides === "object" && overrides !== null) {
        const whole = Object.entries(overrides).filter(([, chords]) => Array.isArray(chords) && chords.length > 0);
        return { preset, overrides: Object.fromEntries(whole) };
      }
    }
  } catch {
    // What another version left there is not worth an error.
  }
  return DEFAULT_KEYMAP;
}
