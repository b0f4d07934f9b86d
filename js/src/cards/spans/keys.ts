/** The keys of the tagging card that the table of keys does not have: the token cursor, and what is done to a span. */
import type { Meaning } from "../../keyboard";
import { isPressable } from "../../keyboard";
import * as marks from "../../spans/marking";
import type { Tagger } from "./tagger";

/** What a key does on the card; false where it is not the card's. */
export function onCardKey(event: KeyboardEvent, meaning: Meaning, tagger: Tagger): boolean {
  if (event.key === "Escape") {
    return leave(tagger);
  }
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return false;
  }
  if (event.key === "Delete" || event.key === "Backspace") {
    if (tagger.focus === null) {
      tagger.say("No span is chosen.");
    } else {
      tagger.drop();
    }
    return true;
  }
  const pressing = isPressable(event.target) && (event.key === "Enter" || event.code === "Space");
  if (pressing) {
    return false;
  }
  if (event.key === "Enter" && tagger.now.marking.everywhere) {
    tagger.everywhere();
    return true;
  }
  if (meaning?.kind === "command") {
    const steps = meaning.command === "before" || meaning.command === "after";
    if ((!event.repeat || steps) && command(meaning.command, tagger)) {
      return true;
    }
  }
  return tagger.now.marking.cursor !== null && cursor(event, tagger, tagger.now.marking.cursor);
}

function command(name: string, tagger: Tagger): boolean {
  switch (name) {
    case "cursor":
      enter(tagger);
      break;
    case "before":
      tagger.step(-1);
      break;
    case "after":
      tagger.step(1);
      break;
    case "take":
      tagger.take();
      break;
    case "drop":
      tagger.drop();
      break;
    case "takeAll":
      tagger.takeAll();
      break;
    case "everywhere":
      tagger.everywhere();
      break;
    case "widen":
    case "narrow":
      tagger.fit(name);
      break;
    default:
      return false;
  }
  return true;
}

/**
 * Put the cursor on a word: where it is already, where something is chosen, else on the first one in sight. It does not
 * leave the text again, as Escape does: a click has put the cursor there before the key, and without it the arrows turn
 * over documents.
 */
function enter(tagger: Tagger): void {
  const { marking, document, sheet } = tagger.now;
  if (marking.cursor !== null) {
    go(tagger, marking.cursor.head, true);
    return;
  }
  const at = tagger.range?.start ?? sheet.current?.firstInSight() ?? 0;
  go(tagger, document.words.near(at), false);
}

function leave(tagger: Tagger): boolean {
  const { marking, mark, sheet } = tagger.now;
  const next = marks.left(marking);
  sheet.current?.unselect();
  if (next === null) {
    return false;
  }
  mark(next);
  return true;
}

function go(tagger: Tagger, word: number, extend: boolean): void {
  const { marking, mark, document } = tagger.now;
  if (document.words.length === 0) {
    tagger.say("There are no words.");
    return;
  }
  const next = marks.moved(marking, Math.min(document.words.length - 1, Math.max(0, word)), extend);
  mark(next);
  const at = marks.chosen(next, document.words);
  tagger.say(at === null ? "" : document.offsets.slice(at.start, Math.min(at.end, at.start + 200)));
}

function cursor(event: KeyboardEvent, tagger: Tagger, { head, holding }: marks.Cursor): boolean {
  const { document, marking, mark, sheet } = tagger.now;
  const extend = event.shiftKey;
  const point = document.words.get(head).start;
  const ahead = marks.runsLeft(document.offsets.text, document.offsets.toUnit(point)) ? -1 : 1;
  switch (event.key) {
    case "ArrowRight":
      go(tagger, head + ahead, extend);
      return true;
    case "ArrowLeft":
      go(tagger, head - ahead, extend);
      return true;
    case "ArrowDown":
    case "ArrowUp": {
      const word = sheet.current?.wordOnNextLine(document.words, head, event.key === "ArrowDown" ? 1 : -1) ?? null;
      go(tagger, word ?? head, extend);
      return true;
    }
    case "Home":
      go(tagger, 0, extend);
      return true;
    case "End":
      go(tagger, document.words.length - 1, extend);
      return true;
    case " ":
      mark({ ...marking, focus: null, cursor: { anchor: head, head, holding: !holding } });
      tagger.say(holding ? "No longer extending." : "Extending: move with the arrows.");
      return true;
    default:
      return false;
  }
}
