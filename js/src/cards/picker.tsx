import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { labelKeys } from "../keyboard";
import { share } from "../lib/format";
import { type Match, search } from "../lib/fuzzy";
import type { Item, LabelInfo } from "../protocol";
import { labels as labelsOf } from "../state/selectors";
import { useApp, useState_ } from "../ui/context";
import { hue, Keys } from "../ui/parts";

const SHOWN = 60;

/**
 * Finds a label by a few typed letters; stands in the place of the labels. Before anything is typed: recent ones, then
 * likely ones. Where several can be `checked` it stays open for more.
 */
export function Picker({ item, checked }: { item: Item; checked?: ReadonlySet<string> }) {
  const { controller, focusRoot } = useApp();
  const state = useState_();
  const labels = labelsOf(state);
  const names = useMemo(() => labels.map(({ name }) => name), [labels]);
  const rank = useMemo(() => ranking(names, state.recentLabels, item), [names, state.recentLabels, item]);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const base = useId();
  // Before the next key press: whoever types on at once means the label.
  useLayoutEffect(() => input.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    const box = list.current;
    const option = box?.children[active];
    if (box !== null && option instanceof HTMLElement) {
      const over = option.offsetTop + option.offsetHeight - box.clientHeight;
      box.scrollTop = Math.min(option.offsetTop, Math.max(box.scrollTop, over));
    }
  }, [active]);

  const found = useMemo(() => search(query, names, rank).slice(0, SHOWN), [query, names, rank]);
  const wanted = query.trim();
  const creates = state.session?.openLabels === true && wanted !== "" && !names.includes(wanted);
  const size = found.length + (creates ? 1 : 0);
  const leave = (): void => {
    controller.prompt(null);
    focusRoot();
  };
  const pick = (place: number): void => {
    const hit = found[place];
    if (hit !== undefined) {
      controller.label(hit.index);
    } else if (creates) {
      controller.coin(wanted);
    } else {
      return;
    }
    if (checked === undefined) {
      leave();
    } else if (query !== "") {
      setQuery("");
      setActive(0);
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.isComposing) {
      return;
    }
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const by = moves[event.key];
    if (by !== undefined && size > 0) {
      setActive(Math.abs(by) === 1 ? (active + by + size) % size : Math.min(size - 1, Math.max(0, active + by)));
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && checked !== undefined) {
      leave();
      controller.accept(event.timeStamp);
    } else if (event.key === "Enter" && !event.repeat) {
      pick(active);
    } else if (event.key === "Escape") {
      leave();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="alwidget-picker">
      <input
        ref={input}
        data-testid="picker-input"
        role="combobox"
        aria-label="find a label"
        aria-expanded="true"
        aria-controls={`${base}-list`}
        aria-autocomplete="list"
        {...(size > 0 ? { "aria-activedescendant": `${base}-${active}` } : {})}
        autocomplete="off"
        spellcheck={false}
        dir="auto"
        placeholder={state.session?.openLabels === true ? "find or make a label" : "find a label"}
        value={query}
        onInput={(event) => {
          setQuery(event.currentTarget.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div
        ref={list}
        id={`${base}-list`}
        class="alwidget-options"
        role="listbox"
        aria-label="labels"
        aria-multiselectable={checked !== undefined}
      >
        {found.map((hit, place) => (
          <PickerOption
            key={hit.index}
            id={`${base}-${place}`}
            hit={hit}
            label={labels[hit.index]}
            probability={item.suggestion?.probs?.[hit.index] ?? null}
            active={place === active}
            checked={checked?.has(labels[hit.index]?.name ?? "") ?? null}
            onPick={() => pick(place)}
          />
        ))}
        {creates && (
          <CreateOption
            id={`${base}-${found.length}`}
            name={wanted}
            active={active === found.length}
            onPick={() => pick(found.length)}
          />
        )}
      </div>
      {size === 0 && (
        <p class="alwidget-quiet">{names.length === 0 ? "Type the first label." : "No label matches."}</p>
      )}
    </div>
  );
}

interface OptionProps {
  id: string;
  hit: Match;
  label: LabelInfo | undefined;
  probability: number | null;
  active: boolean;
  /** Null where only one label can be picked. */
  checked: boolean | null;
  onPick: () => void;
}

function PickerOption({ id, hit, label, probability, active, checked, onPick }: OptionProps) {
  const keys = labelKeys(hit.index);
  return (
    <div
      id={id}
      class={active ? "alwidget-option is-active" : "alwidget-option"}
      role="option"
      tabIndex={-1}
      aria-selected={checked ?? active}
      data-testid="picker-option"
      data-hue={hue(hit.index)}
      title={label?.definition ?? ""}
      onMouseDown={(event) => {
        event.preventDefault();
        onPick();
      }}
    >
      <span class={checked === null ? "alwidget-label-dot" : "alwidget-check"} aria-hidden="true" />
      <span class="alwidget-option-name" dir="auto">
        <Marked text={label?.name ?? ""} at={hit.at} />
      </span>
      {probability !== null && <span class="alwidget-share">{share(probability)}</span>}
      {keys !== null && <Keys keys={keys} />}
    </div>
  );
}

function CreateOption({
  id,
  name,
  active,
  onPick,
}: {
  id: string;
  name: string;
  active: boolean;
  onPick: () => void;
}) {
  return (
    <div
      id={id}
      class={active ? "alwidget-option is-active" : "alwidget-option"}
      role="option"
      tabIndex={-1}
      aria-selected={active}
      data-testid="picker-create"
      onMouseDown={(event) => {
        event.preventDefault();
        onPick();
      }}
    >
      <span class="alwidget-option-name">
        create “<bdi>{name}</bdi>”
      </span>
    </div>
  );
}

/** A name with its matched letters marked, in as few elements as it takes. */
function Marked({ text, at }: { text: string; at: readonly number[] }) {
  const hit = new Set(at);
  const parts: { text: string; on: boolean }[] = [];
  for (const [i, unit] of text.split("").entries()) {
    const last = parts.at(-1);
    if (last !== undefined && last.on === hit.has(i)) {
      last.text += unit;
    } else {
      parts.push({ text: unit, on: hit.has(i) });
    }
  }
  return (
    <>
      {parts.map((part, i) => {
        const key = `${i}-${part.text}`;
        return part.on ? <mark key={key}>{part.text}</mark> : <span key={key}>{part.text}</span>;
      })}
    </>
  );
}

/** Lower comes first: labels used lately, then the model's order, then key order. */
export function ranking(names: readonly string[], recent: readonly string[], item: Item): (index: number) => number {
  const probs = item.suggestion?.probs ?? null;
  const places = new Map(recent.map((name, place) => [name, place]));
  return (index) => {
    const place = places.get(names[index] ?? "");
    if (place !== undefined) {
      return place;
    }
    return probs === null ? 1_000 + index : 1_000 + (1 - (probs[index] ?? 0)) * 1_000;
  };
}
