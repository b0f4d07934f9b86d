/**
 * The way to the kernel. The widget's comm is one; tests and the demo page have another.
 *
 * Nothing here promises delivery: a message to a kernel that is gone vanishes without an error. What must arrive is kept
 * in the outbox until it is acknowledged.
 */
import type { AnyModel } from "@anywidget/types";
import type { FromPage, Snapshot, ToPage } from "./protocol";

/** What the host knows of its kernel, where it tells: `idle` with decisions unanswered means that nobody listens. */
export type KernelState = "busy" | "idle" | "gone" | null;
export type ThemeChoice = "auto" | "light" | "dark";

export interface Connection {
  /** Returns false when the message certainly did not leave the page. */
  send(message: FromPage): boolean;
  listen(handler: (message: ToPage) => void): () => void;
  /** The snapshot that came with the widget, for a first card without a round trip. */
  snapshot(): Snapshot | null;
  onSnapshot(handler: () => void): () => void;
  theme(): ThemeChoice;
  onTheme(handler: () => void): () => void;
  kernel(): KernelState;
  /** The widget's style sheet, for hosts that do not bring it into a shadow root. */
  css(): string | null;
}

export interface WidgetTraits {
  _snapshot: Snapshot | null;
  _theme: ThemeChoice;
  _css: string;
}

export type WidgetModel = Pick<AnyModel<WidgetTraits>, "get" | "on" | "off" | "send"> & { widget_manager?: unknown };

const KINDS = new Set(["snapshot", "queue", "ack", "reject", "reply", "status", "notice"]);

export class CommConnection implements Connection {
  readonly #model: WidgetModel;

  constructor(model: WidgetModel) {
    this.#model = model;
  }

  send(message: FromPage): boolean {
    try {
      this.#model.send(message);
      return true;
    } catch {
      return false;
    }
  }

  listen(handler: (message: ToPage) => void): () => void {
    const hear = (message: unknown): void => {
      if (isMessage(message)) {
        handler(message);
      }
    };
    this.#model.on("msg:custom", hear);
    return () => this.#model.off("msg:custom", hear);
  }

  snapshot(): Snapshot | null {
    const value: unknown = this.#get("_snapshot");
    return isMessage(value) && value.kind === "snapshot" ? value : null;
  }

  onSnapshot(handler: () => void): () => void {
    this.#model.on("change:_snapshot", handler);
    return () => this.#model.off("change:_snapshot", handler);
  }

  theme(): ThemeChoice {
    const value = this.#get("_theme");
    return value === "light" || value === "dark" ? value : "auto";
  }

  onTheme(handler: () => void): () => void {
    this.#model.on("change:_theme", handler);
    return () => this.#model.off("change:_theme", handler);
  }

  kernel(): KernelState {
    return kernelState(this.#model.widget_manager);
  }

  css(): string | null {
    const value = this.#get("_css");
    return typeof value === "string" ? value : null;
  }

  #get<K extends keyof WidgetTraits>(name: K): WidgetTraits[K] | null {
    try {
      return this.#model.get(name) ?? null;
    } catch {
      return null;
    }
  }
}

function isMessage(value: unknown): value is ToPage {
  return typeof value === "object" && value !== null && "kind" in value && KINDS.has(String(value.kind));
}

/** JupyterLab's and Notebook's widget managers hold the kernel's connection; others show nothing of it. */
export function kernelState(manager: unknown): KernelState {
  const kernel = property(manager, "kernel");
  const connection = property(kernel, "connectionStatus");
  const status = property(kernel, "status");
  if (connection === "disconnected" || property(kernel, "isDisposed") === true || status === "dead") {
    return "gone";
  }
  if (connection === "connecting" || status === "restarting" || status === "autorestarting" || status === "starting") {
    return null;
  }
  return status === "busy" || status === "idle" ? status : null;
}

function property(holder: unknown, name: string): unknown {
  try {
    return typeof holder === "object" && holder !== null ? (holder as Record<string, unknown>)[name] : undefined;
  } catch {
    return undefined;
  }
}
