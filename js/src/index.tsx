/** The widget's entry, as anywidget calls it: `render` once for each place where the widget is shown. */
import type { RenderProps } from "@anywidget/types";
import { CommConnection, type WidgetModel, type WidgetTraits } from "./connection";
import { browserStores } from "./lib/storage";
import { View } from "./view";

const VIEWS = new WeakMap<HTMLElement, View>();

function render({ model, el, signal }: RenderProps<WidgetTraits> & { signal?: AbortSignal }): () => void {
  VIEWS.get(el)?.stop();
  const view = new View(el, new CommConnection(model as unknown as WidgetModel), browserStores());
  VIEWS.set(el, view);
  let stopped = false;
  const stop = (): void => {
    if (!stopped) {
      stopped = true;
      view.stop();
      if (VIEWS.get(el) === view) {
        VIEWS.delete(el);
      }
    }
  };
  signal?.addEventListener("abort", stop, { once: true });
  return stop;
}

export default { render };
