import { useLayoutEffect, useRef } from "preact/hooks";
import type { Item } from "../protocol";
import { saying } from "../state/selectors";
import { useApp, useKey, useState_ } from "../ui/context";
import { Keys } from "../ui/parts";

/** What a page's text field makes of a text: it knows one kind of line end. */
export function inField(text: unknown): string {
  return typeof text === "string" ? text.replace(/\r\n?/g, "\n") : "";
}

/** One stay in the text field. What is typed during it is one step of the draft; the finer steps are the field's own. */
export interface Visit {
  id: string;
  typed: boolean;
}

interface EditorProps {
  item: Item;
  field: { current: HTMLTextAreaElement | null };
  visit: { current: Visit };
  describedBy: string;
}

let visits = 0;

export function Editor({ item, field, visit, describedBy }: EditorProps) {
  const { controller } = useApp();
  const state = useState_();
  const write = useKey("write");
  const { value, by } = saying(state, item);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    field.current = box.current;
    return () => {
      field.current = null;
    };
  }, [field]);

  const onInput = (event: InputEvent): void => {
    const text = (event.currentTarget as HTMLTextAreaElement).value;
    const draft = state.drafts.get(item.item);
    const { id } = visit.current;
    const going = draft !== undefined && draft.visit === id;
    const isStart = text === inField(going ? draft.past.at(-1) : value);
    visit.current.typed = true;
    if (isStart && event.inputType === "historyUndo") {
      controller.untype(id);
    } else if (going || !isStart) {
      controller.type(value ?? "", text, id);
    }
  };
  return (
    <div class={`alwidget-editor${by === "model" ? " is-model" : ""}`}>
      <textarea
        ref={box}
        data-testid="editor"
        dir="auto"
        aria-label="your text"
        aria-describedby={describedBy}
        aria-keyshortcuts={write.aria}
        readOnly={state.session?.readOnly === true}
        value={inField(value)}
        onFocus={() => {
          visits += 1;
          visit.current = { id: String(visits), typed: false };
        }}
        onInput={onInput}
      />
      <Keys keys={write.glyphs} />
    </div>
  );
}
