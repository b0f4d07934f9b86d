import { useEffect, useState } from "preact/hooks";
import { ago, count } from "../lib/format";
import type { HistoryEntry } from "../protocol";
import { progress } from "../state/selectors";
import { rulesOf } from "../tasks";
import { useApp, useState_ } from "../ui/context";
import { memo } from "../ui/parts";

const PAGE = 50;
const TYPING_MS = 200;

const FILTERS = [
  { name: "all", actions: null },
  { name: "labelled", actions: ["annotate"] },
  { name: "skipped", actions: ["skip"] },
  { name: "flagged", actions: ["flag"] },
  { name: "notes", actions: ["note"] },
] as const;

/** What was said, newest first: searched in the kernel, so that all of it is found, and here while the kernel is busy. */
export function HistoryPanel() {
  const { controller } = useApp();
  const state = useState_();
  const [query, setQuery] = useState("");
  const [filter, setFilter] = useState<(typeof FILTERS)[number]["name"]>("all");
  const [fetched, setFetched] = useState<readonly HistoryEntry[]>([]);
  const [more, setMore] = useState(state.history.length >= PAGE);
  const [trouble, setTrouble] = useState("");
  const now = useNow();

  const fetchPage = (offset: number, replace: boolean): Promise<void> =>
    controller.request("history", { query, offset, limit: PAGE }).then(
      (data) => {
        const page = readPage(data);
        setFetched((old) => (replace ? page.entries : [...old, ...page.entries]));
        setMore(page.more);
        setTrouble("");
      },
      (error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)),
    );

  useEffect(() => {
    setFetched([]);
    if (query.trim() === "") {
      setMore(state.history.length >= PAGE);
      return undefined;
    }
    const timer = setTimeout(() => void fetchPage(0, true), TYPING_MS);
    return () => clearTimeout(timer);
  }, [query]);

  const { describe } = rulesOf(state.session?.task);
  const entries = merged(state.history, fetched).filter(
    (entry) => shows(entry, filter) && hits(entry, said(entry, describe), query, fetched),
  );
  return (
    <>
      <input
        class="alwidget-field"
        type="search"
        data-testid="history-search"
        aria-label="search the history"
        placeholder={`search ${count(progress(state).answered)} answers`}
        dir="auto"
        value={query}
        onInput={(event) => setQuery(event.currentTarget.value)}
      />
      <div class="alwidget-filters" role="group" aria-label="show">
        {FILTERS.map(({ name }) => (
          <button
            key={name}
            type="button"
            class={filter === name ? "alwidget-filter is-on" : "alwidget-filter"}
            aria-pressed={filter === name}
            onClick={() => setFilter(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <ul class="alwidget-history">
        {entries.map((entry) => (
          <Entry
            key={entry.client}
            entry={entry}
            said={said(entry, describe)}
            when={state.pending.has(entry.client) ? "waiting to be saved" : ago(entry.time, now)}
            shown={state.shown === entry.item}
          />
        ))}
      </ul>
      {entries.length === 0 && <p class="alwidget-quiet">{query === "" ? "Nothing yet." : "Nothing found."}</p>}
      {trouble !== "" && <p class="alwidget-quiet is-warn">{trouble} Shown is what this page knows.</p>}
      {more && (
        <button
          type="button"
          class="alwidget-secondary"
          onClick={() =>
            void fetchPage(
              query === "" ? state.history.length + fetched.length - state.pending.size : fetched.length,
              false,
            )
          }
        >
          show older
        </button>
      )}
    </>
  );
}

interface EntryProps {
  entry: HistoryEntry;
  said: string;
  when: string;
  shown: boolean;
}

/** Drawn again only when it changes: the list is long, and every decision adds to it. */
const Entry = memo(function Entry({ entry, said, when, shown }: EntryProps) {
  const { controller } = useApp();
  const origin = entry.origin === "accepted" ? "accepted" : "";
  const details = [said, when, origin, entry.undone ? "taken back" : ""].filter((part) => part !== "");
  const tone = entry.action === "flag" ? " is-flag" : entry.undone ? " is-undone" : "";
  return (
    <li>
      <button
        type="button"
        class={shown ? "alwidget-entry is-shown" : "alwidget-entry"}
        data-testid="history-entry"
        onClick={() => controller.show(entry.item)}
      >
        <span class="alwidget-entry-text" dir="auto">
          {entry.excerpt || entry.item}
        </span>
        <span class={`alwidget-entry-line${tone}`} dir="auto">
          {details.join(" · ")}
        </span>
      </button>
    </li>
  );
});

function said(entry: HistoryEntry, describe: (value: unknown) => string): string {
  switch (entry.action) {
    case "annotate":
      return describe(entry.value);
    case "skip":
      return "skipped";
    case "flag":
      return entry.note === null ? "flagged" : `flagged: ${entry.note}`;
    case "note":
      return entry.note === null || entry.note === "" ? "comment removed" : `comment: ${entry.note}`;
    case "clear":
      return "answer taken away";
    default:
      return entry.action;
  }
}

/** What this page saw and what the kernel found, each decision once, newest first. */
export function merged(local: readonly HistoryEntry[], fetched: readonly HistoryEntry[]): HistoryEntry[] {
  const known = new Set(local.map(({ client }) => client));
  const older = fetched.filter(({ client, item }) => item !== "" && !known.has(client));
  return [...local.filter(({ item }) => item !== ""), ...older];
}

function shows(entry: HistoryEntry, filter: string): boolean {
  const actions: readonly string[] | null | undefined = FILTERS.find(({ name }) => name === filter)?.actions;
  return actions == null || actions.includes(entry.action);
}

/** Found by the kernel, or by its visible words here. */
function hits(entry: HistoryEntry, words: string, query: string, fetched: readonly HistoryEntry[]): boolean {
  const wanted = query.trim().toLowerCase();
  if (wanted === "" || fetched.some(({ client }) => client === entry.client)) {
    return true;
  }
  return `${entry.excerpt} ${words} ${entry.note ?? ""} ${entry.item}`.toLowerCase().includes(wanted);
}

export function readPage(data: unknown): { entries: HistoryEntry[]; more: boolean } {
  if (typeof data !== "object" || data === null || !("entries" in data) || !Array.isArray(data.entries)) {
    return { entries: [], more: false };
  }
  const entries = data.entries.filter((entry): entry is HistoryEntry => typeof entry?.client === "string");
  return { entries, more: "more" in data && data.more === true };
}

/** The time, a little stale: "12 s ago" need not tick. */
function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
