import { useMemo } from "preact/hooks";
import { answersIn, together } from "../lib/together";
import type { Item } from "../protocol";
import { labels, saying } from "../state/selectors";
import type { State } from "../state/types";
import { Actions } from "../ui/actions";
import { useApp, useCardKeys, useCardLabels, useKey, useMeaning, useState_ } from "../ui/context";
import { Keys, Press } from "../ui/parts";
import { DocumentText } from "./document";
import { type Checks, Labels } from "./labels";
import { Meta } from "./meta";
import { Picker } from "./picker";
import type { CardProps } from "./registry";
import { Why } from "./why";

/** One document, any number of labels: each key checks one or takes it off again, Enter submits what is checked. */
export function MultilabelCard({ item }: CardProps) {
  const { controller, options } = useApp();
  const state = useState_();
  const meaning = useMeaning();
  const answers = useMemo(() => (options.together ? answersIn(state.history) : []), [options.together, state.history]);
  const { checked, suggested } = checksOf(state, item);
  const checks: Checks = { checked, suggested, hints: together(answers, [...checked]) };

  const none = (): void => {
    controller.annotate([]);
  };
  const uncheck = (): void => {
    if (checked.size > 0) {
      controller.edit([...checked], []);
      controller.say("Nothing is checked.");
    }
  };
  useCardLabels((name) => {
    const now = checksOf(controller.store.state, item).checked;
    const order = labels(controller.store.state).map((label) => label.name);
    controller.edit([...now], toggled(now, name, order));
    controller.say(`${name} ${now.has(name) ? "unchecked" : "checked"}.`);
  });
  useCardKeys((event, typing) => {
    const means = typing ? null : meaning(event);
    if (means?.kind !== "command" || (means.command !== "none" && means.command !== "uncheck")) {
      return false;
    }
    if (!event.repeat) {
      (means.command === "none" ? none : uncheck)();
    }
    return true;
  });
  const picking = state.prompt === "picker";
  return (
    <article class="alwidget-card" data-testid="card" data-item-id={item.item} aria-label="document">
      <Meta item={item} />
      <DocumentText item={item} />
      <div class="alwidget-answer">
        <Labels item={item} hidden={picking} checks={checks}>
          <Beside item={item} empty={checked.size === 0} onNone={none} onUncheck={uncheck} />
        </Labels>
        {picking && <Picker item={item} checked={checked} />}
      </div>
      <Why item={item} />
      <Actions />
    </article>
  );
}

interface BesideProps {
  item: Item;
  empty: boolean;
  onNone: () => void;
  onUncheck: () => void;
}

/** What is said with no label: that none fits, or nothing yet. */
function Beside({ item, empty, onNone, onUncheck }: BesideProps) {
  const { options, setOptions } = useApp();
  const state = useState_();
  const none = useKey("none");
  const uncheck = useKey("uncheck");
  const { value, by } = saying(state, item);
  const is = Array.isArray(value) && value.length === 0 && !state.drafts.has(item.item);
  const off = state.session?.readOnly === true;
  return (
    <div class="alwidget-beside">
      <Press
        class={`alwidget-label is-none${is ? (by === "model" ? " is-suggested" : " is-answer") : ""}`}
        data-testid="none"
        disabled={off}
        aria-pressed={is && by === "person"}
        aria-keyshortcuts={none.aria}
        onClick={onNone}
      >
        <Keys keys={none.glyphs} /> none of these
        {is && by === "model" && <span class="alwidget-sr"> (suggested)</span>}
      </Press>
      <Press
        class="alwidget-act"
        data-testid="uncheck"
        disabled={off || empty}
        aria-keyshortcuts={uncheck.aria}
        onClick={onUncheck}
      >
        <Keys keys={uncheck.glyphs} /> uncheck all
      </Press>
      <span class="alwidget-gap" />
      <Press
        class="alwidget-act alwidget-option-check"
        data-testid="together"
        role="checkbox"
        aria-checked={options.together}
        title="Marks labels that were mostly given together with a checked one, as far as this page has seen."
        onClick={() => setOptions({ ...options, together: !options.together })}
      >
        <span class="alwidget-check" aria-hidden="true" /> mark what goes together
      </Press>
    </div>
  );
}

/** The labels that are checked, and those of them that only the model has said. */
export function checksOf(state: State, item: Item): { checked: Set<string>; suggested: Set<string> } {
  const { value } = saying(state, item);
  const checked = new Set(strings(value));
  const recalled = state.recalled?.item === item.item && state.recalled.value !== null;
  if (item.status !== null || recalled) {
    return { checked, suggested: new Set() };
  }
  const draft = state.drafts.get(item.item);
  const untouched = (name: string) => draft?.past.every((step) => strings(step).includes(name)) ?? true;
  const suggested = strings(item.suggestion?.value).filter((name) => checked.has(name) && untouched(name));
  return { checked, suggested: new Set(suggested) };
}

/** The labels with one more or one less, in their order. */
export function toggled(checked: ReadonlySet<string>, name: string, order: readonly string[]): string[] {
  return order.filter((other) => checked.has(other) !== (other === name));
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((part): part is string => typeof part === "string") : [];
}
