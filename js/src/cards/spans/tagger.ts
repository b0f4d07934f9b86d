/** What can be done on a tagging card, whatever it is done with: keys, the mouse and buttons all end here. */
import { useMemo, useRef, useState } from "preact/hooks";
import type { Controller } from "../../controller";
import { count, plural } from "../../lib/format";
import { Offsets } from "../../offsets";
import type { Item } from "../../protocol";
import { type Block, cut } from "../../spans/blocks";
import type { Marking } from "../../spans/marking";
import * as marks from "../../spans/marking";
import type { Edit, Span, Spans } from "../../spans/model";
import * as model from "../../spans/model";
import { occurrences } from "../../spans/occurrences";
import type { Sheet } from "../../spans/sheet";
import { findWords, type Range, Words } from "../../spans/words";
import { saying } from "../../state/selectors";
import { useApp, useState_ } from "../../ui/context";

/** A document as the card needs it; made once for each. */
export interface Prepared {
  readonly offsets: Offsets;
  readonly words: Words;
  readonly blocks: readonly Block[];
}

/** Places with the same text are counted up to here, until they are asked for. */
const COUNTED = 100;

interface Situation {
  readonly controller: Controller;
  readonly item: Item;
  readonly document: Prepared;
  /** The value that the card shows, as it came. */
  readonly said: unknown;
  readonly spans: Spans;
  readonly overlap: boolean;
  readonly marking: Marking;
  readonly mark: (next: Marking) => void;
  /** The text as it is drawn, once it is. */
  readonly sheet: { current: Sheet | null };
}

export function useTagger(item: Item): Tagger {
  const { controller } = useApp();
  const state = useState_();
  const document = useMemo(() => prepare(item), [item.text, item.words]);
  const said = saying(state, item).value;
  const spans = useMemo(() => model.read(said, document.offsets), [said, document]);
  const visit = useVisit(item.item);
  const [held, mark] = useState<Marking>(marks.fresh(visit));
  const marking = held.visit === visit ? held : marks.fresh(visit, held.active);
  const sheet = useRef<Sheet | null>(null);
  const overlap = state.session?.overlap === true;
  const elsewhere = useMemo(() => elsewhereOf(document, spans, marking, overlap), [document, spans, marking, overlap]);
  return new Tagger({ controller, item, document, said, spans, overlap, marking, mark, sheet }, elsewhere);
}

/** Another number each time that a document comes onto the card: what was chosen on it the last time is past. */
function useVisit(item: string): number {
  const visit = useRef({ item, number: 0 });
  if (visit.current.item !== item) {
    visit.current = { item, number: visit.current.number + 1 };
  }
  return visit.current.number;
}

export class Tagger {
  readonly now: Situation;
  /** The chosen span as it is now, and what is chosen in the text. */
  readonly focus: Span | null;
  readonly range: Range | null;
  /** Other places with the chosen text that have no label yet. */
  readonly elsewhere: readonly Range[];

  constructor(now: Situation, elsewhere: readonly Range[]) {
    this.now = now;
    this.focus = marks.focused(now.marking, now.spans);
    this.range = rangeOf(now.marking, this.focus, now.document.words);
    this.elsewhere = elsewhere;
  }

  /** A label's key or button: it labels what is chosen, or is at hand from now on where nothing is. */
  pick(label: string): void {
    const { marking, mark, sheet } = this.now;
    const at = this.range ?? this.#native();
    if (marking.everywhere && this.range !== null) {
      this.#everywhereAs(label, this.range);
    } else if (this.focus !== null) {
      this.#relabel(this.focus, label);
    } else if (at !== null) {
      this.#add(at, label, true);
    } else {
      const active = marking.active === label ? null : label;
      mark({ ...marking, active });
      this.say(active === null ? "No label at hand." : `${label} at hand: drag over words to give it.`);
    }
    sheet.current?.unselect();
  }

  /** Something was chosen with the mouse; with a label at hand it is labelled at once. */
  dragged(next: Marking): void {
    const { document, marking, mark, sheet } = this.now;
    const at = marks.chosen(next, document.words);
    if (at === null) {
      return;
    }
    if (marking.active !== null) {
      sheet.current?.unselect();
      this.#add(at, marking.active, false);
    } else {
      mark(next);
      this.say(`Chosen: ${model.shortened(document.offsets.slice(at.start, at.end))}.`);
    }
  }

  /** The next span or the one before. */
  step(by: 1 | -1): void {
    const next = model.step(this.now.spans, this.focus ?? this.#here(), by);
    if (next === null) {
      this.say("There are no spans.");
    } else {
      this.choose(next);
    }
  }

  choose(span: Span): void {
    const { marking, mark, spans } = this.now;
    mark(marks.onSpan(marking, span));
    const by = model.isSuggested(span) ? `, suggested, ${model.sure(span)}` : "";
    this.say(`${span.label}: ${model.shortened(span.text)}${by}; ${spans.indexOf(span) + 1} of ${spans.length}.`);
  }

  /** Accept the suggestion that is chosen; where none is, choose the next one. */
  take(): void {
    const one = this.#suggestion();
    if (one === null) {
      return;
    }
    if (!model.isSuggested(one)) {
      this.say("This span is yours already.");
      return;
    }
    const next = model.accept(this.now.spans, one);
    this.#edit(next, `Accepted ${one.label}: ${model.shortened(one.text)}.`);
    this.#onward(next, one);
  }

  takeAll(): void {
    const { spans } = this.now;
    const open = marks.suggestions(spans).length;
    if (open === 0) {
      this.say("There are no suggestions.");
    } else {
      this.#edit(model.acceptAll(spans), `${plural(open, "suggestion")} accepted.`);
    }
  }

  /** Reject the suggestion that is chosen, or delete the span that is. */
  drop(): void {
    const { marking, mark, spans } = this.now;
    const one = this.#suggestion();
    if (one === null) {
      return;
    }
    const next = model.remove(spans, one);
    if (model.isSuggested(one)) {
      this.#edit(next, `Rejected ${one.label}: ${model.shortened(one.text)}.`);
      this.#onward(next, one);
    } else {
      this.#edit(next, `Deleted ${one.label}: ${model.shortened(one.text)}.`);
      mark(marks.changed(marking, one, null));
    }
  }

  /** How many other places there are, in words. */
  get counted(): string {
    const n = this.elsewhere.length;
    return n === COUNTED && !this.now.marking.everywhere ? `${n} or more` : `${count(n)} more`;
  }

  /** Show every place with the chosen text; asked again, label them all. */
  everywhere(): void {
    const { marking, mark } = this.now;
    if (this.range === null) {
      this.say("Choose a span or words first.");
    } else if (this.elsewhere.length === 0) {
      this.say("It stands nowhere else without a label.");
    } else if (!marking.everywhere) {
      mark({ ...marking, everywhere: true });
      this.say(`${this.counted} with the same text.`);
    } else if (this.focus !== null) {
      this.#everywhereAs(this.focus.label, this.range);
    } else {
      this.say("Press a label's key.");
    }
  }

  /** Move the ends of what is chosen to the ends of words. */
  fit(how: "widen" | "narrow"): void {
    const { document, marking, mark, spans, overlap } = this.now;
    if (this.range === null) {
      return;
    }
    const to = how === "widen" ? document.words.widened(this.range) : document.words.narrowed(this.range);
    if (to === null || !document.words.cuts(this.range)) {
      this.say(to === null ? "No whole word is in it." : "It cuts no word.");
    } else if (this.focus === null) {
      mark(marks.onLetters(marking, to));
    } else {
      const next = this.#span(to, this.focus.label);
      if (this.#try(model.resize(spans, this.focus, next, overlap), `${next.label}: ${model.shortened(next.text)}.`)) {
        mark(marks.onSpan(marking, next, this.focus));
      }
    }
  }

  say(text: string): void {
    this.now.controller.say(text);
  }

  #relabel(span: Span, label: string): void {
    const { marking, mark, spans } = this.now;
    if (this.#try(model.relabel(spans, span, label), `${label}: ${model.shortened(span.text)}.`)) {
      mark(marks.changed(marking, span, { ...span, label }));
    }
  }

  #add(at: Range, label: string, keep: boolean): void {
    const { marking, mark, spans, overlap } = this.now;
    const one = this.#span(at, label);
    if (model.isBlank(one.text)) {
      this.say("There are only spaces there.");
    } else if (this.#try(model.add(spans, one, overlap), `${label}: ${model.shortened(one.text)}.`)) {
      mark(keep ? marks.labelled(marking, one) : marks.fresh(marking.visit, marking.active));
    }
  }

  #everywhereAs(label: string, range: Range): void {
    const { marking, mark, spans, overlap } = this.now;
    const one = this.#span(range, label);
    const all = [one, ...this.elsewhere.map((at) => this.#span(at, label))];
    const base = this.focus === null ? spans : model.remove(spans, this.focus);
    this.#edit(model.addAll(base, all, overlap), `${plural(all.length, "place")} labelled ${label}.`);
    mark(marks.labelled(marking, one));
  }

  #edit(next: Spans, words: string): void {
    this.now.controller.edit(this.now.said, next);
    this.say(words);
  }

  #try(result: Edit, words: string): boolean {
    if (result.spans === null) {
      this.now.controller.tell("warning", result.refused);
      this.say(result.refused);
      return false;
    }
    this.#edit(result.spans, words);
    return true;
  }

  /** What the browser itself has selected, as by a finger or a screen reader, made into words. */
  #native(): Range | null {
    const { sheet, document } = this.now;
    const native = sheet.current?.selected() ?? null;
    return native === null || document.words.touched(native) === null ? native : document.words.widened(native);
  }

  #suggestion(): Span | null {
    if (this.focus === null) {
      const next = model.step(marks.suggestions(this.now.spans), this.#here(), 1);
      if (next === null) {
        this.say("There are no suggestions.");
      } else {
        this.choose(next);
      }
    }
    return this.focus;
  }

  /** After a suggestion was dealt with, the next one is chosen. */
  #onward(left: Spans, from: Span): void {
    this.now.mark(marks.onSpan(this.now.marking, model.step(marks.suggestions(left), from.start, 1)));
  }

  #here(): number | null {
    const { marking, document } = this.now;
    return marking.cursor === null ? (this.range?.start ?? null) : document.words.get(marking.cursor.head).start;
  }

  #span(at: Range, label: string): Span {
    return model.span(this.now.document.offsets, at.start, at.end, label);
  }
}

function prepare({ text, words }: Item): Prepared {
  const offsets = new Offsets(text);
  return { offsets, words: words === null ? findWords(offsets) : new Words(words), blocks: cut(offsets) };
}

function rangeOf(marking: Marking, focus: Span | null, words: Words): Range | null {
  return focus ?? marks.chosen({ ...marking, focus: null }, words);
}

function elsewhereOf(document: Prepared, spans: Spans, marking: Marking, overlap: boolean): readonly Range[] {
  const focus = marks.focused(marking, spans);
  const range = rangeOf(marking, focus, document.words);
  if (range === null) {
    return [];
  }
  const most = marking.everywhere ? Number.POSITIVE_INFINITY : COUNTED;
  const free = model.free(spans, focus?.label ?? null, overlap);
  return occurrences(document.offsets, document.words, range, most, free);
}
