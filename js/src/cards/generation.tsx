import { useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { isPressable, labelIndex } from "../keyboard";
import { plural } from "../lib/format";
import { countCharacters, countWords } from "../lib/words";
import type { Item } from "../protocol";
import { saying } from "../state/selectors";
import type { State } from "../state/types";
import { Actions } from "../ui/actions";
import { useApp, useCardKeys, useKey, useMeaning, useState_ } from "../ui/context";
import { Keys, Press } from "../ui/parts";
import { Changes } from "./changes";
import { DocumentText } from "./document";
import { Editor, inField, type Visit } from "./editor";
import { Meta } from "./meta";
import type { CardProps } from "./registry";
import { Why } from "./why";

/** As many as there are digits for. */
const CANDIDATES = 9;

/** A document, and the text that a person writes about it, from nothing or from what the model would write. */
export function GenerationCard({ item }: CardProps) {
  const { controller } = useApp();
  const state = useState_();
  const [comparing, setComparing] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const visit = useRef<Visit>({ id: "", typed: false });
  const base = useId();
  const { value, by } = saying(state, item);
  const text = inField(value);
  const draft = draftOf(state, item);

  const take = (candidate: string): void => {
    if (candidate !== value) {
      controller.edit(value ?? "", candidate);
    }
  };
  const compare = (): void => setComparing(!comparing && draft !== null);
  useWritingKeys({ item, field, visit, take, compare });
  return (
    <article class="alwidget-card is-writing" data-testid="card" data-item-id={item.item} aria-label="document">
      <Meta item={item} />
      <div class="alwidget-write">
        <DocumentText item={item} />
        <div class="alwidget-written">
          <Editor key={item.item} item={item} field={field} visit={visit} describedBy={base} />
          {comparing && draft !== null && <Changes before={inField(draft)} after={text} />}
          <div class="alwidget-foot is-whose">
            <b data-testid="whose">{whose(item, value, by)}</b>
            <CompareButton off={draft === null} on={comparing} onClick={compare} />
          </div>
          <div class="alwidget-foot" id={base} data-testid="counts">
            <Lengths item={item} text={text} />
          </div>
        </div>
      </div>
      <Candidates item={item} value={value} onTake={take} />
      <Why item={item} />
      <Actions />
    </article>
  );
}

interface WritingKeys {
  item: Item;
  field: { readonly current: HTMLTextAreaElement | null };
  visit: { readonly current: Visit };
  take: (candidate: string) => void;
  compare: () => void;
}

/** The keys of this card: in the field letters, digits and Enter are the text's, outside of it they are commands. */
function useWritingKeys({ item, field, visit, take, compare }: WritingKeys): void {
  const { controller, focusRoot } = useApp();
  const meaning = useMeaning();
  const again = useRef(false);
  // Who submits from the field goes on writing in the next card's.
  useLayoutEffect(() => {
    if (again.current) {
      again.current = false;
      enter(field.current);
    }
  }, [item.item, field]);
  /** Do something that may bring another card, with the keyboard staying in the field. */
  const stay = (action: () => void): void => {
    const before = controller.store.state.shown;
    action();
    const { shown } = controller.store.state;
    again.current = shown !== before && shown !== null;
    if (shown === null) {
      focusRoot();
    }
  };
  const inside = (event: KeyboardEvent): boolean => {
    const mod = event.ctrlKey || event.metaKey;
    const means = meaning(event);
    const command = means?.kind === "command" ? means.command : null;
    if (event.key === "Escape") {
      focusRoot();
    } else if (mod && (event.key === "Enter" || command === "accept")) {
      if (!event.repeat) stay(() => controller.accept(event.timeStamp));
    } else if (mod && command === "undo" && !isTyped(controller.store.state, item, visit.current)) {
      stay(() => controller.undo());
    } else if (mod && command === "redo" && !visit.current.typed) {
      stay(() => controller.redo());
    } else {
      return false;
    }
    return true;
  };
  const outside = (event: KeyboardEvent): boolean => {
    if (isPressable(event.target) && event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      return false;
    }
    const digit = labelIndex(event);
    const candidate = digit === null ? undefined : item.suggestion?.candidates?.slice(0, CANDIDATES)[digit];
    const means = meaning(event);
    const command = means?.kind === "command" ? means.command : null;
    if (candidate !== undefined) {
      if (!event.repeat) take(candidate);
    } else if (command === "write") {
      enter(field.current);
    } else if (command === "changes") {
      if (!event.repeat) compare();
    } else {
      return false;
    }
    return true;
  };
  useCardKeys((event, typing) => (event.target === field.current ? inside(event) : typing ? false : outside(event)));
}

/** Put the cursor behind the text; a field that has it keeps its place. */
function enter(field: HTMLTextAreaElement | null): void {
  field?.focus({ preventScroll: true });
  field?.setSelectionRange(field.value.length, field.value.length);
}

/** Whether the field has something of its own to undo. */
function isTyped(state: State, item: Item, visit: Visit): boolean {
  return state.drafts.get(item.item)?.visit === visit.id;
}

/** The model's text that this one began as: the candidate taken last, else the first. */
function draftOf(state: State, item: Item): string | null {
  if (item.suggestion === null) {
    return null;
  }
  const { value, candidates } = item.suggestion;
  const steps = state.drafts.get(item.item);
  const taken = [...(steps?.past ?? []), steps?.now].findLast(
    (step) => typeof step === "string" && candidates?.includes(step) === true,
  );
  return typeof taken === "string" ? taken : String(value ?? "");
}

function whose(item: Item, value: unknown, by: "person" | "model" | "nobody"): string {
  if (inField(value).trim() === "") {
    return "no text yet";
  }
  const { suggestion } = item;
  const model = suggestion?.value === value || suggestion?.candidates?.includes(String(value)) === true;
  if (by === "model" || (model && item.status === null)) {
    return suggestion?.confidence === null ? "text from the data" : "draft by the model";
  }
  return suggestion === null || item.status !== null ? "your text" : "edited by you";
}

function Lengths({ item, text }: { item: Item; text: string }) {
  const source = useMemo(
    () => countCharacters(item.text) + countCharacters(item.text_pair ?? ""),
    [item.text, item.text_pair],
  );
  const characters = countCharacters(text);
  const share = source === 0 ? "" : ` · ${Math.round((characters / source) * 100)} % of the source`;
  return (
    <span>
      {plural(characters, "character")} · {plural(countWords(text), "word")}
      {share}
    </span>
  );
}

function CompareButton({ off, on, onClick }: { off: boolean; on: boolean; onClick: () => void }) {
  const key = useKey("changes");
  return (
    <Press
      class="alwidget-act"
      data-testid="compare"
      disabled={off}
      aria-pressed={on && !off}
      aria-keyshortcuts={key.aria}
      onClick={onClick}
    >
      <Keys keys={key.glyphs} /> {on && !off ? "hide changes" : "see changes"}
    </Press>
  );
}

/** What the model would write, each with its key. Their room is kept for documents that have fewer. */
function Candidates({ item, value, onTake }: { item: Item; value: unknown; onTake: (candidate: string) => void }) {
  const { items, session } = useState_();
  const known = (other: Item): number => Math.min(CANDIDATES, other.suggestion?.candidates?.length ?? 0);
  const rows = useMemo(() => Math.max(0, ...[...items.values()].map(known)), [items]);
  if (rows < 2) {
    return null;
  }
  const candidates = item.suggestion?.candidates?.slice(0, CANDIDATES) ?? [];
  return (
    <div
      class="alwidget-candidates"
      role="group"
      aria-label="what the model would write"
      style={{ minHeight: `${rows * 34 - 4}px` }}
    >
      {candidates.map((candidate, index) => (
        <Press
          key={index}
          class={`alwidget-candidate${candidate === value ? " is-on" : ""}`}
          data-testid="candidate"
          title={candidate}
          disabled={session?.readOnly === true}
          aria-pressed={candidate === value}
          aria-keyshortcuts={String(index + 1)}
          onClick={() => onTake(candidate)}
        >
          <Keys keys={[String(index + 1)]} />
          <span dir="auto">{candidate}</span>
        </Press>
      ))}
    </div>
  );
}
