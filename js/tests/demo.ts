/**
 * The fake kernel for a plain page: `demo.html` and the page tests load it beside the built bundle.
 *
 * `open(widget, element, options)` shows a widget and returns its kernel, so that a page, or a test through it, can make
 * the kernel busy, kill it, or look at what it heard.
 */
import { FakeKernel, type FakeModel } from "./fake-model";
import { documents, type FakeOptions } from "./fake-session";

interface Widget {
  render(props: { model: FakeModel; el: HTMLElement; signal: AbortSignal; experimental: unknown }): () => void;
}

export interface Opened {
  kernel: FakeKernel;
  model: FakeModel;
  close: () => void;
}

export interface DemoOptions extends FakeOptions {
  answered?: number;
  count?: number;
  latency?: number;
  theme?: "auto" | "light" | "dark";
  css?: string;
  /** Start from a snapshot older than the session, as a reload with a busy kernel does. */
  busy?: boolean;
}

export function kernel(options: DemoOptions = {}): FakeKernel {
  const made = new FakeKernel({ documents: documents(options.count ?? 500, options.task), suggest: true, ...options });
  made.latency = options.latency ?? 8;
  for (let i = 0; i < (options.answered ?? 0); i += 1) {
    const item = made.session.order[i];
    made.session.decide({
      kind: "decide",
      view: "earlier",
      seq: i,
      client: `earlier-${i}`,
      action: i % 17 === 5 ? "skip" : i % 23 === 7 ? "flag" : "annotate",
      item: item ?? null,
      value:
        i % 17 === 5 || i % 23 === 7
          ? null
          : made.session.task.answer(i, made.session.labels, made.session.items.get(item ?? "")),
      target: null,
      note: i % 23 === 7 ? "two topics?" : null,
      origin: i % 3 === 0 ? "accepted" : "human",
      seconds: 2 + (i % 5) * 0.4,
      seen: null,
      why: null,
      at: null,
    });
  }
  return made;
}

export function show(widget: Widget, el: HTMLElement, from: FakeKernel, options: DemoOptions = {}): Opened {
  const snapshot = from.session.snapshot();
  const model = from.model(snapshot);
  model.set("_theme", options.theme ?? "auto");
  model.set("_css", options.css ?? "");
  from.busy = options.busy ?? false;
  const controller = new AbortController();
  const close = widget.render({ model, el, signal: controller.signal, experimental: {} });
  return { kernel: from, model, close };
}

export function open(widget: Widget, el: HTMLElement, options: DemoOptions = {}): Opened {
  return show(widget, el, kernel(options), options);
}
