/**
 * Every key of the widget, in one table that a person can change.
 *
 * Labels own the digits (0-9 and Shift+0-9) and nothing else may; so labels and commands cannot collide. Digits are
 * read from the physical key, so that layouts which need Shift for them work too. Where a task has no labels, its card
 * may own the digits.
 */
export const COMMANDS = {
  accept: "accept, or keep the answer",
  skip: "skip",
  undo: "undo",
  redo: "redo",
  previous: "previous document",
  next: "next document",
  picker: "find a label",
  none: "none of these",
  uncheck: "uncheck all",
  write: "go into the text",
  changes: "compare with the draft",
  cursor: "choose words with the arrows",
  before: "span before",
  after: "span after",
  take: "accept the suggestion",
  drop: "reject the suggestion",
  takeAll: "accept all suggestions",
  everywhere: "the same text everywhere",
  widen: "widen to whole words",
  narrow: "narrow to whole words",
  flag: "flag with a note",
  comment: "comment",
  goto: "go to a document",
  history: "history",
  guidelines: "guidelines",
  model: "model",
  keys: "these keys",
  save: "is all saved?",
  close: "close what is open",
} as const;

export type Command = keyof typeof COMMANDS;

/** The commands that not every task has, with the tasks that have them. Their cards do them. */
const ONLY: Readonly<Partial<Record<Command, readonly string[]>>> = {
  picker: ["classification", "multilabel", "tagging"],
  none: ["multilabel"],
  uncheck: ["multilabel"],
  write: ["generation"],
  changes: ["generation"],
  cursor: ["tagging"],
  before: ["tagging"],
  after: ["tagging"],
  take: ["tagging"],
  drop: ["tagging"],
  takeAll: ["tagging"],
  everywhere: ["tagging"],
  widen: ["tagging"],
  narrow: ["tagging"],
};

const CLASSIFICATION = "classification";

export function commandsOf(task: string = CLASSIFICATION): Command[] {
  return (Object.keys(COMMANDS) as Command[]).filter((command) => ONLY[command]?.includes(task) ?? true);
}

export type Chord = string;
export type Bindings = Readonly<Record<Command, readonly Chord[]>>;

export const PRESET_NAMES = ["default", "prodigy", "labelstudio", "argilla"] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

const DEFAULT: Bindings = {
  accept: ["Enter"],
  skip: ["Space"],
  undo: ["Mod+Z", "Backspace"],
  redo: ["Mod+Shift+Z", "Mod+Y"],
  previous: ["ArrowLeft"],
  next: ["ArrowRight"],
  picker: ["/", "p"],
  none: ["n"],
  uncheck: ["x"],
  write: ["e", "Enter"],
  changes: ["d"],
  cursor: ["t"],
  before: ["[", ","],
  after: ["]", "."],
  take: ["a"],
  drop: ["x"],
  takeAll: ["Shift+A"],
  everywhere: ["e"],
  widen: ["w"],
  narrow: ["Shift+W"],
  flag: ["f"],
  comment: ["c"],
  goto: ["g"],
  history: ["r"],
  guidelines: ["h"],
  model: ["m"],
  keys: ["?"],
  save: ["Mod+S"],
  close: ["Escape"],
};

/** What hands know from other tools. Everything a tool has no key for keeps ours. */
export const PRESETS: Readonly<Record<PresetName, Bindings>> = {
  default: DEFAULT,
  prodigy: { ...DEFAULT, accept: ["a", "Enter"], undo: ["Backspace", "Mod+Z"], take: ["y"] },
  labelstudio: {
    ...DEFAULT,
    accept: ["Mod+Enter", "Enter"],
    skip: ["Mod+Space", "Space"],
    previous: ["Mod+ArrowLeft", "ArrowLeft"],
    next: ["Mod+ArrowRight", "ArrowRight"],
  },
  argilla: { ...DEFAULT, skip: ["Backspace", "Space"], undo: ["Mod+Z"] },
};

export interface Keymap {
  preset: PresetName;
  overrides: Partial<Record<Command, readonly Chord[]>>;
}

export const DEFAULT_KEYMAP: Keymap = { preset: "default", overrides: {} };

/** Where text is written, Enter belongs to it. */
const BY_TASK: Readonly<Record<string, Partial<Bindings>>> = { generation: { accept: ["Mod+Enter"] } };

export function bindings(keymap: Keymap, task: string = CLASSIFICATION): Bindings {
  return { ...PRESETS[keymap.preset], ...BY_TASK[task], ...keymap.overrides };
}

/** What a key press means: a label by its place in key order, a command, or nothing of ours. */
export type Meaning = { kind: "label"; index: number } | { kind: "command"; command: Command } | null;

export interface KeyLike {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

export function interpret(event: KeyLike, table: Bindings, labels: number, task: string = CLASSIFICATION): Meaning {
  const index = labelIndex(event);
  if (index !== null && index < labels) {
    return { kind: "label", index };
  }
  for (const command of commandsOf(task)) {
    if (table[command].some((chord) => matches(event, chord))) {
      return { kind: "command", command };
    }
  }
  return null;
}

/** 1-9, 0 are labels 0-9; with Shift, 10-19. Null for every other key. */
export function labelIndex(event: KeyLike): number | null {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return null;
  }
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  const pad = /^Numpad(\d)$/.exec(event.code)?.[1];
  if (digit === undefined && (pad === undefined || event.key !== pad || event.shiftKey)) {
    return null;
  }
  const n = Number(digit ?? pad);
  return (n === 0 ? 9 : n - 1) + (event.shiftKey ? 10 : 0);
}

/** The glyphs of a label's key, or null past the twentieth: those are found with the picker. */
export function labelKeys(index: number): string[] | null {
  if (index >= 20) {
    return null;
  }
  const digit = String((index + 1) % 10);
  return index < 10 ? [digit] : ["Shift", digit];
}

interface ParsedChord {
  key: string;
  mod: boolean;
  shift: boolean;
  alt: boolean;
}

function parseChord(chord: Chord): ParsedChord {
  const parts = chord.split("+");
  const key = parts.at(-1) || "+";
  return { key, mod: parts.includes("Mod"), shift: parts.includes("Shift"), alt: parts.includes("Alt") };
}

export function matches(event: KeyLike, chord: Chord): boolean {
  const { key, mod, shift, alt } = parseChord(chord);
  if ((event.ctrlKey || event.metaKey) !== mod) {
    return false;
  }
  const named = keyName(event);
  if (named !== key.toLowerCase()) {
    return false;
  }
  const symbol = key.length === 1 && !/[a-z]/i.test(key);
  return symbol || (event.shiftKey === shift && event.altKey === alt);
}

/** One name for a key whatever the layout: on a Cyrillic or Greek keyboard the letter under the finger counts. */
function keyName(event: KeyLike): string {
  if (event.key === " " || event.code === "Space") {
    return "space";
  }
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1];
  if (letter !== undefined && (event.key.charCodeAt(0) > 127 || event.key === "Process")) {
    return letter.toLowerCase();
  }
  return event.key.toLowerCase();
}

/** The chord that a key press makes, for remapping; null for modifiers alone and for keys that stay ours or the host's. */
export function chordOf(event: KeyLike): Chord | null {
  const name = event.code === "Space" ? "Space" : event.key;
  const reserved = ["Tab", "Shift", "Control", "Alt", "Meta", "Escape", "Delete", "Dead", "Process", "CapsLock"];
  if (reserved.includes(name) || labelIndex(event) !== null || /^\d$/.test(name)) {
    return null;
  }
  const plain = /^[a-z]$/i.test(name)
    ? event.ctrlKey || event.metaKey
      ? name.toUpperCase()
      : name.toLowerCase()
    : name;
  const symbol = plain.length === 1 && !/[a-z]/i.test(plain);
  const mod = event.ctrlKey || event.metaKey ? "Mod+" : "";
  const alt = event.altKey && !symbol ? "Alt+" : "";
  const shift = event.shiftKey && !symbol ? "Shift+" : "";
  return `${mod}${alt}${shift}${plain}`;
}

/** The command that already has this chord, if another one of the task does. */
export function takenBy(
  table: Bindings,
  chord: Chord,
  except: Command,
  task: string = CLASSIFICATION,
): Command | null {
  const same = (other: Chord) => other.toLowerCase() === chord.toLowerCase();
  const found = commandsOf(task).find((name) => name !== except && table[name].some(same));
  return found ?? null;
}

const GLYPHS: Readonly<Record<string, string>> = {
  Enter: "⏎",
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Backspace: "⌫",
  Escape: "Esc",
};

/** A chord as it is drawn on a key: ["Ctrl", "Z"], on a Mac ["⌘", "Z"]. */
export function glyphs(chord: Chord, mac: boolean): string[] {
  const { key, mod, shift, alt } = parseChord(chord);
  const shown = GLYPHS[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  const out = [shown];
  if (shift) out.unshift(mac ? "⇧" : "Shift");
  if (alt) out.unshift(mac ? "⌥" : "Alt");
  if (mod) out.unshift(mac ? "⌘" : "Ctrl");
  return out;
}

/** The same for `aria-keyshortcuts`. */
export function ariaKeys(chords: readonly Chord[], mac: boolean): string {
  return chords.map((chord) => chord.replace("Mod", mac ? "Meta" : "Control")).join(" ");
}

export function isMac(platform: string = globalThis.navigator?.platform ?? ""): boolean {
  return /mac|iphone|ipad/i.test(platform);
}

/** True where letters belong to what is being typed. */
export function isTyping(target: EventTarget | null): boolean {
  const element = target as Partial<HTMLElement> | null;
  const tag = element?.tagName?.toLowerCase();
  return tag === "input" || tag === "textarea" || tag === "select" || element?.isContentEditable === true;
}

/** True on elements that Enter and Space press by themselves. */
export function isPressable(target: EventTarget | null): boolean {
  const tag = (target as Partial<HTMLElement> | null)?.tagName?.toLowerCase();
  return tag === "button" || tag === "a" || tag === "summary";
}
