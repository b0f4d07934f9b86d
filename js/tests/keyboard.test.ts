import { describe, expect, it, test } from "vitest";
import {
  bindings,
  COMMANDS,
  type Command,
  chordOf,
  commandsOf,
  glyphs,
  interpret,
  isTyping,
  type KeyLike,
  labelIndex,
  labelKeys,
  PRESET_NAMES,
  PRESETS,
  takenBy,
} from "../src/keyboard";

function press(key: string, code = "", more: Partial<KeyLike> = {}): KeyLike {
  return { key, code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more };
}

const table = PRESETS.default;
const command = (event: KeyLike, labels = 4) => {
  const meaning = interpret(event, table, labels);
  return meaning?.kind === "command" ? meaning.command : meaning;
};

describe("labels", () => {
  test.each([
    ["1", "Digit1", false, 0],
    ["9", "Digit9", false, 8],
    ["0", "Digit0", false, 9],
    ["!", "Digit1", true, 10],
    [")", "Digit0", true, 19],
    ["&", "Digit1", false, 0],
    ["7", "Numpad7", false, 6],
    ["Home", "Numpad7", false, null],
    ["a", "KeyA", false, null],
  ])("key %s (%s, shift %s) is label %s", (key, code, shiftKey, index) => {
    expect(labelIndex(press(key, code, { shiftKey }))).toBe(index);
  });

  it("shows the key that it hears", () => {
    for (let i = 0; i < 20; i += 1) {
      const keys = labelKeys(i) ?? [];
      expect(labelIndex(press("x", `Digit${keys.at(-1)}`, { shiftKey: keys.length === 2 }))).toBe(i);
    }
    expect(labelKeys(20)).toBeNull();
  });

  it("leaves digits with Ctrl, Meta or Alt to the browser", () => {
    for (const modifier of ["ctrlKey", "metaKey", "altKey"]) {
      expect(labelIndex(press("1", "Digit1", { [modifier]: true }))).toBeNull();
    }
  });

  it("hears no label that is not there", () => {
    expect(interpret(press("5", "Digit5"), table, 4)).toBeNull();
    expect(interpret(press("4", "Digit4"), table, 4)).toEqual({ kind: "label", index: 3 });
  });

  it("finds the slash of a German keyboard while there are fewer than 17 labels", () => {
    const slash = press("/", "Digit7", { shiftKey: true });
    expect(command(slash, 10)).toBe("picker");
    expect(interpret(slash, table, 20)).toEqual({ kind: "label", index: 16 });
  });
});

describe("commands", () => {
  test.each([
    [press("Enter", "Enter"), "accept"],
    [press(" ", "Space"), "skip"],
    [press("z", "KeyZ", { ctrlKey: true }), "undo"],
    [press("z", "KeyZ", { metaKey: true }), "undo"],
    [press("Z", "KeyZ", { ctrlKey: true, shiftKey: true }), "redo"],
    [press("y", "KeyY", { ctrlKey: true }), "redo"],
    [press("Backspace", "Backspace"), "undo"],
    [press("ArrowLeft", "ArrowLeft"), "previous"],
    [press("ArrowRight", "ArrowRight"), "next"],
    [press("f", "KeyF"), "flag"],
    [press("c", "KeyC"), "comment"],
    [press("g", "KeyG"), "goto"],
    [press("h", "KeyH"), "guidelines"],
    [press("?", "Slash", { shiftKey: true }), "keys"],
    [press("/", "Slash"), "picker"],
    [press("s", "KeyS", { ctrlKey: true }), "save"],
    [press("Escape", "Escape"), "close"],
    [press("а", "KeyF"), "flag"],
  ])("%o", (event, expected) => expect(command(event)).toBe(expected));

  test.each([
    press("Enter", "Enter", { shiftKey: true }),
    press("Enter", "Enter", { ctrlKey: true }),
    press("f", "KeyF", { ctrlKey: true }),
    press("c", "KeyC", { metaKey: true }),
    press("Tab", "Tab"),
    press("Delete", "Delete"),
    press("x", "KeyX"),
    press("ArrowLeft", "ArrowLeft", { altKey: true }),
  ])("leaves %o alone", (event) => expect(command(event)).toBeNull());
});

describe("the table", () => {
  const names = Object.keys(COMMANDS) as Command[];
  const TASKS = ["classification", "multilabel", "tagging", "generation"];

  test.each(PRESET_NAMES)("preset %s gives every command a key, and in no task one key two commands", (name) => {
    const preset = PRESETS[name];
    for (const task of TASKS) {
      const table = bindings({ preset: name, overrides: {} }, task);
      const all = commandsOf(task).flatMap((other) => table[other].map((chord) => chord.toLowerCase()));
      expect(new Set(all).size).toBe(all.length);
    }
    for (const other of names) {
      expect(preset[other].length).toBeGreaterThan(0);
      for (const chord of preset[other]) {
        expect(chord).not.toMatch(/^(Shift\+)?\d$|Tab|Delete/);
      }
    }
  });

  it("knows for each task only the commands that it has", () => {
    const meaning = (task: string, event: KeyLike) =>
      interpret(event, bindings({ preset: "default", overrides: {} }, task), 0, task);
    expect(commandsOf("classification")).not.toContain("none");
    expect(commandsOf("generation")).not.toContain("picker");
    expect(meaning("multilabel", press("n", "KeyN"))).toEqual({ kind: "command", command: "none" });
    expect(meaning("classification", press("n", "KeyN"))).toBeNull();
    expect(meaning("generation", press("Enter", "Enter"))).toEqual({ kind: "command", command: "write" });
    expect(meaning("generation", press("Enter", "Enter", { metaKey: true }))).toEqual({
      kind: "command",
      command: "accept",
    });
  });

  it("can be changed one command at a time", () => {
    const changed = bindings({ preset: "default", overrides: { skip: ["x"] } });
    expect(interpret(press("x", "KeyX"), changed, 4)).toEqual({ kind: "command", command: "skip" });
    expect(interpret(press(" ", "Space"), changed, 4)).toBeNull();
    expect(changed.accept).toEqual(table.accept);
  });

  it("says who has a key already", () => {
    expect(takenBy(table, "Mod+z", "skip")).toBe("undo");
    expect(takenBy(table, "Mod+Z", "undo")).toBeNull();
    expect(takenBy(table, "x", "skip")).toBeNull();
  });

  it("reads a chord back as it is pressed", () => {
    const presses = [
      press("x", "KeyX"),
      press("Z", "KeyZ", { ctrlKey: true, shiftKey: true }),
      press(" ", "Space", { ctrlKey: true }),
      press("?", "Slash", { shiftKey: true }),
      press("ArrowUp", "ArrowUp", { altKey: true }),
    ];
    for (const event of presses) {
      const chord = chordOf(event) ?? "";
      const changed = bindings({ preset: "default", overrides: { model: [chord], keys: [], redo: [], skip: [] } });
      expect(interpret(event, changed, 4)).toEqual({ kind: "command", command: "model" });
    }
    for (const kept of [
      press("Tab", "Tab"),
      press("1", "Digit1"),
      press("Escape", "Escape"),
      press("Shift", "ShiftLeft"),
    ]) {
      expect(chordOf(kept)).toBeNull();
    }
  });

  it("draws keys as they are on the keyboard", () => {
    expect(glyphs("Mod+Shift+Z", false)).toEqual(["Ctrl", "Shift", "Z"]);
    expect(glyphs("Mod+Z", true)).toEqual(["⌘", "Z"]);
    expect(glyphs("Enter", false)).toEqual(["⏎"]);
  });
});

it("knows where letters are text", () => {
  for (const tagName of ["INPUT", "TEXTAREA", "SELECT"]) {
    expect(isTyping({ tagName } as unknown as EventTarget)).toBe(true);
  }
  expect(isTyping({ tagName: "DIV", isContentEditable: true } as unknown as EventTarget)).toBe(true);
  expect(isTyping({ tagName: "BUTTON" } as unknown as EventTarget)).toBe(false);
  expect(isTyping(null)).toBe(false);
});
