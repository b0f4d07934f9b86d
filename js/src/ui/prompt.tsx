import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { shownItem } from "../state/selectors";
import { useApp, useState_ } from "./context";
import { Keys } from "./parts";

const TEXTS = {
  flag: { caption: "Flag", placeholder: "why? (may stay empty)", done: "Flag" },
  comment: { caption: "Comment", placeholder: "a note on this document", done: "Keep" },
  goto: { caption: "Go to", placeholder: "number or id of a document", done: "Go" },
} as const;

/** One line of typing in the place of the actions: a flag's note, a comment, or where to go. */
export function Prompt({ kind }: { kind: keyof typeof TEXTS }) {
  const { controller, focusRoot, mac } = useApp();
  const state = useState_();
  const item = shownItem(state);
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(kind === "goto" ? "" : (item?.note ?? ""));
  const { caption, placeholder, done } = TEXTS[kind];
  // Before the next key press: whoever types on at once means the note.
  useLayoutEffect(() => {
    input.current?.focus({ preventScroll: true });
    input.current?.select();
  }, []);
  const leave = (): void => {
    controller.prompt(null);
    focusRoot();
  };
  const finish = (): void => {
    if (kind === "goto") {
      void controller.goTo(text).then((found) => found && focusRoot());
    } else if (kind === "flag") {
      controller.flag(text);
      leave();
    } else {
      controller.comment(text);
      leave();
    }
  };
  return (
    <form
      class="alwidget-actions alwidget-prompt"
      onSubmit={(event) => {
        event.preventDefault();
        finish();
      }}
    >
      <label class="alwidget-prompt-field">
        <span>{caption}</span>
        <input
          ref={input}
          data-testid={`${kind}-input`}
          dir="auto"
          autocomplete="off"
          value={text}
          placeholder={placeholder}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape" && !event.isComposing) {
              event.preventDefault();
              event.stopPropagation();
              leave();
            }
          }}
        />
      </label>
      <button type="button" class="alwidget-act" onClick={leave}>
        <Keys keys={["Esc"]} /> cancel
      </button>
      <button type="submit" class="alwidget-submit" data-testid="prompt-done">
        {done} <Keys keys={[mac ? "↩" : "⏎"]} />
      </button>
    </form>
  );
}
