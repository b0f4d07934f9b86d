import { createContext } from "preact";
import { useContext, useLayoutEffect, useRef } from "preact/hooks";
import type { Controller, TakeLabel } from "../controller";
import {
  ariaKeys,
  type Bindings,
  bindings,
  type Command,
  glyphs,
  interpret,
  type KeyLike,
  type Keymap,
  type Meaning,
} from "../keyboard";
import { labels } from "../state/selectors";
import type { State } from "../state/types";
import type { CardKeys } from "./keys";

/** What a person has set for this browser, beside the keys. */
export interface PageOptions {
  /** Mark labels that often go together with one that is checked. */
  together: boolean;
}

/** What every component may need, beside the state that it is given. */
export interface App {
  controller: Controller;
  keymap: Keymap;
  setKeymap: (keymap: Keymap) => void;
  options: PageOptions;
  setOptions: (options: PageOptions) => void;
  mac: boolean;
  /** Put the keyboard back on the widget itself, where its keys work. */
  focusRoot: () => void;
  setCardKeys: (keys: CardKeys | null) => void;
}

export const AppContext = createContext<App | null>(null);
export const StateContext = createContext<State | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) {
    throw new Error("outside of the widget");
  }
  return app;
}

export function useState_(): State {
  const state = useContext(StateContext);
  if (state === null) {
    throw new Error("outside of the widget");
  }
  return state;
}

/** Give the card's keys the first say for as long as it is shown. */
export function useCardKeys(keys: CardKeys): void {
  const { setCardKeys } = useApp();
  const latest = useRef(keys);
  latest.current = keys;
  useLayoutEffect(() => {
    setCardKeys((event, typing) => latest.current(event, typing));
    return () => setCardKeys(null);
  }, [setCardKeys]);
}

/** Take the labels that are picked, instead of answering with them, for as long as the card is shown. */
export function useCardLabels(take: TakeLabel): void {
  const { controller } = useApp();
  const latest = useRef(take);
  latest.current = take;
  useLayoutEffect(() => {
    controller.takeLabels((name, at) => latest.current(name, at));
    return () => controller.takeLabels(null);
  }, [controller]);
}

export interface KeyHint {
  glyphs: string[];
  aria: string;
}

/** The first key of a command, as glyphs, and all of them for `aria-keyshortcuts`. */
export function useKey(command: Command): KeyHint {
  const { keymap, mac } = useApp();
  return keyHint(bindings(keymap, useState_().session?.task), command, mac);
}

/** What a key press means in this task, for the keys of its card. */
export function useMeaning(): (event: KeyLike) => Meaning {
  const { keymap } = useApp();
  const state = useState_();
  const task = state.session?.task;
  return (event) => interpret(event, bindings(keymap, task), labels(state).length, task);
}

export function keyHint(table: Bindings, command: Command, mac: boolean): KeyHint {
  const [first] = table[command];
  return { glyphs: first === undefined ? [] : glyphs(first, mac), aria: ariaKeys(table[command], mac) };
}
