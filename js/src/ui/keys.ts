/** The one keyboard listener, on the widget's root: what each key press does. */
import type { Controller } from "../controller";
import { bindings, type Command, interpret, isPressable, isTyping, type Keymap, type Meaning } from "../keyboard";
import { labels } from "../state/selectors";

/** Holding one of these down must not answer twenty documents. */
const ONCE = new Set<Command>([
  "accept",
  "skip",
  "flag",
  "comment",
  "goto",
  "picker",
  "save",
  "history",
  "guidelines",
  "model",
  "keys",
]);
/** While something is typed these still work; letters belong to the text. */
const WHILE_TYPING = new Set<Command>(["save", "close"]);

/**
 * The keys of a task's card, asked before all others: true where the key was the card's. `typing` is set while a field
 * has the focus, where letters belong to what is typed.
 */
export type CardKeys = (event: KeyboardEvent, typing: boolean) => boolean;

export interface KeyTarget {
  controller: Controller;
  keymap: () => Keymap;
  card: () => CardKeys | null;
  focusRoot: () => void;
  scroll: (by: "line" | "page" | "end", direction: -1 | 1) => boolean;
}

export function onKeyDown(event: KeyboardEvent, target: KeyTarget): void {
  if (event.defaultPrevented || event.isComposing || event.keyCode === 229) {
    return;
  }
  const typing = isTyping(event.target);
  const { controller } = target;
  if (target.card()?.(event, typing) === true) {
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  const task = controller.store.state.session?.task;
  const table = bindings(target.keymap(), task);
  const meaning = interpret(event, table, labels(controller.store.state).length, task);
  if (handled(event, meaning, typing, target)) {
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key !== "Tab" && !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== "Escape") {
    // A plain key that means nothing here must not mean something to a notebook that listens further out.
    event.stopPropagation();
  }
}

function handled(event: KeyboardEvent, meaning: Meaning, typing: boolean, target: KeyTarget): boolean {
  const { controller } = target;
  if (typing) {
    return meaning?.kind === "command" && WHILE_TYPING.has(meaning.command) && run(meaning.command, event, target);
  }
  const plain = !event.ctrlKey && !event.metaKey;
  if (plain && isPressable(event.target) && (event.key === "Enter" || event.code === "Space")) {
    return false;
  }
  if (meaning === null) {
    return scrolled(event, target);
  }
  if (meaning.kind === "label") {
    if (!event.repeat) {
      controller.label(meaning.index, event.timeStamp);
    }
    return true;
  }
  if (event.repeat && ONCE.has(meaning.command)) {
    return true;
  }
  return run(meaning.command, event, target);
}

function run(command: Command, event: KeyboardEvent, { controller, focusRoot }: KeyTarget): boolean {
  switch (command) {
    case "accept":
      controller.accept(event.timeStamp);
      break;
    case "skip":
      controller.skip(event.timeStamp);
      break;
    case "undo":
      controller.undo();
      break;
    case "redo":
      controller.redo();
      break;
    case "previous":
      controller.browse(-1);
      break;
    case "next":
      controller.browse(1);
      break;
    case "picker":
    case "flag":
    case "comment":
    case "goto":
      controller.prompt(command);
      break;
    case "history":
    case "guidelines":
    case "model":
    case "keys":
      controller.panel(command);
      break;
    case "save":
      controller.save();
      break;
    case "close": {
      const closed = controller.close();
      if (closed) {
        focusRoot();
      }
      return closed;
    }
    default:
      return false;
  }
  return true;
}

/** Arrow and page keys scroll a long document; on a short one they are the page's. */
function scrolled(event: KeyboardEvent, { scroll }: KeyTarget): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) {
    return false;
  }
  switch (event.key) {
    case "ArrowDown":
      return scroll("line", 1);
    case "ArrowUp":
      return scroll("line", -1);
    case "PageDown":
      return scroll("page", 1);
    case "PageUp":
      return scroll("page", -1);
    case "Home":
      return scroll("end", -1);
    case "End":
      return scroll("end", 1);
    default:
      return false;
  }
}
