import type { ComponentChildren } from "preact";
import { labelKeys } from "../keyboard";
import { share } from "../lib/format";
import type { Item } from "../protocol";
import { labels as labelsOf } from "../state/selectors";
import { useApp, useKey, useState_ } from "../ui/context";
import { hue, Keys, memo, Press } from "../ui/parts";

/** More than this, and labels stand in a grid of their own with a field to find them by typing. */
export const MANY = 20;
/** More than this, and a narrow page has them in two columns. */
const SEVERAL = 6;
/** More than this, and they are drawn smaller. */
const DENSE = 10;
const LIKELY = 4;

/** Where any number of labels can be checked: which are, which of them by the model alone, and what is told of others. */
export interface Checks {
  checked: ReadonlySet<string>;
  suggested: ReadonlySet<string>;
  hints: ReadonlyMap<string, string>;
}

interface LabelsProps {
  item: Item;
  hidden: boolean;
  /** Those that a card of more than one label shows as pressed. */
  chosen?: ReadonlySet<string>;
  checks?: Checks;
  children?: ComponentChildren;
}

/** The labels with their keys, always in sight and always at the same place. */
export function Labels({ item, hidden, chosen, checks, children }: LabelsProps) {
  const { controller } = useApp();
  const state = useState_();
  const picker = useKey("picker");
  const labels = labelsOf(state);
  const many = labels.length > MANY;
  const off = state.session?.readOnly === true;
  const probs = item.suggestion?.probs ?? null;
  const recalled = state.recalled?.item === item.item ? state.recalled.value : null;
  const answer = item.status !== null ? item.answer : recalled;
  const suggested = item.status === null && recalled === null ? item.suggestion?.value : undefined;
  return (
    <div class={hidden ? "alwidget-labelling is-hidden" : "alwidget-labelling"} inert={hidden}>
      {(many || state.session?.openLabels === true) && (
        <div class="alwidget-find-row">
          <Press
            class="alwidget-find"
            data-testid="find"
            aria-keyshortcuts={picker.aria}
            onClick={() => controller.prompt("picker")}
          >
            {labels.length === 0 ? "type the first label" : `find one of ${labels.length} labels`}{" "}
            <Keys keys={picker.glyphs} />
          </Press>
          {many && <Likely item={item} names={labels.map(({ name }) => name)} checks={checks} />}
        </div>
      )}
      <div class={`alwidget-labels${layout(labels.length)}`} role="group" aria-label="labels">
        {labels.map(({ name, definition }, index) => (
          <LabelButton
            key={name}
            index={index}
            name={name}
            definition={definition}
            probability={
              probs?.[index] ?? (name === item.suggestion?.value ? (item.suggestion?.confidence ?? null) : null)
            }
            suggested={checks === undefined ? name === suggested : checks.suggested.has(name)}
            answered={(checks?.checked ?? chosen)?.has(name) ?? name === answer}
            hint={checks?.hints.get(name) ?? ""}
            checkable={checks !== undefined}
            off={off}
          />
        ))}
      </div>
      {children}
    </div>
  );
}

function layout(count: number): string {
  if (count > MANY) {
    return " is-many";
  }
  return `${count > SEVERAL ? " is-several" : ""}${count > DENSE ? " is-dense" : ""}`;
}

interface LabelProps {
  index: number;
  name: string;
  definition: string;
  probability: number | null;
  suggested: boolean;
  answered: boolean;
  hint: string;
  checkable: boolean;
  off: boolean;
}

const LabelButton = memo(function LabelButton(props: LabelProps) {
  const { index, name, definition, probability, suggested, answered, hint, checkable, off } = props;
  const { controller } = useApp();
  const keys = labelKeys(index);
  const state = suggested ? " is-suggested" : answered ? " is-answer" : hint === "" ? "" : " is-hinted";
  return (
    <Press
      class={`alwidget-label${state}`}
      data-testid="label"
      data-hue={hue(index)}
      disabled={off}
      {...(checkable ? { role: "checkbox", "aria-checked": answered } : { "aria-pressed": answered })}
      {...(keys === null ? {} : { "aria-keyshortcuts": keys.join("+") })}
      title={`${definition === "" ? name : definition}${hint === "" ? "" : ` \u00b7 ${hint}`}`}
      onClick={() => controller.label(index)}
    >
      <span class="alwidget-label-name" dir="auto">
        {name}
      </span>
      {checkable && <span class="alwidget-check" aria-hidden="true" />}
      {keys === null ? <span class="alwidget-label-dot" aria-hidden="true" /> : <LabelKey keys={keys} />}
      {suggested && <span class="alwidget-sr">(suggested)</span>}
      {hint !== "" && <span class="alwidget-sr">({hint})</span>}
      <span class="alwidget-share" aria-hidden="true">
        {probability === null ? "" : share(probability)}
      </span>
      <span class="alwidget-label-bar" aria-hidden="true">
        <span style={{ width: `${Math.round(Math.min(1, Math.max(0, probability ?? 0)) * 100)}%` }} />
      </span>
    </Press>
  );
});

function LabelKey({ keys }: { keys: string[] }) {
  return (
    <span class="alwidget-label-key" aria-hidden="true">
      <kbd>{keys.length === 1 ? keys[0] : `⇧${keys[1]}`}</kbd>
    </span>
  );
}

/** Of many labels, the few that the model believes in, at hand for the mouse. */
function Likely({ item, names, checks }: { item: Item; names: readonly string[]; checks: Checks | undefined }) {
  const { controller } = useApp();
  const ranked = likely(item, names).slice(0, LIKELY);
  return (
    <div class="alwidget-likely" role="group" aria-label="likely labels">
      {ranked.map(({ index, name, probability }) => (
        <Press
          key={name}
          class={`alwidget-label is-small${likelyState(name, item, checks)}`}
          data-testid="likely"
          data-hue={hue(index)}
          {...(checks === undefined ? {} : { role: "checkbox", "aria-checked": checks.checked.has(name) })}
          onClick={() => controller.label(index)}
        >
          <span class="alwidget-label-name" dir="auto">
            {name}
          </span>
          <span class={checks === undefined ? "alwidget-label-dot" : "alwidget-check"} aria-hidden="true" />
          <span class="alwidget-share" aria-hidden="true">
            {probability === null ? "" : share(probability)}
          </span>
        </Press>
      ))}
    </div>
  );
}

function likelyState(name: string, item: Item, checks: Checks | undefined): string {
  if (checks === undefined ? name === item.suggestion?.value : checks.suggested.has(name)) {
    return " is-suggested";
  }
  return checks?.checked.has(name) === true ? " is-answer" : "";
}

export function likely(
  item: Item,
  names: readonly string[],
): { index: number; name: string; probability: number | null }[] {
  const { suggestion } = item;
  if (suggestion === null) {
    return [];
  }
  if (suggestion.probs === null) {
    const value: unknown[] = Array.isArray(suggestion.value) ? suggestion.value : [suggestion.value];
    const { confidence: probability } = suggestion;
    return names.flatMap((name, index) => (value.includes(name) ? [{ index, name, probability }] : []));
  }
  return suggestion.probs
    .map((probability, index) => ({ index, name: names[index] ?? "", probability }))
    .filter(({ name }) => name !== "")
    .sort((a, b) => b.probability - a.probability || a.index - b.index);
}
