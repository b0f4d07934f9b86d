/** What the page has to know of a task beyond its card. */
import { plural } from "./lib/format";
import { same } from "./lib/same";
import type { Suggestion } from "./protocol";
import * as spans from "./spans/model";

export interface TaskRules {
  /** What Enter submits where nothing was said or suggested; null where an answer is needed first. */
  blank: unknown;
  /** A suggested value as an answer: without what only the model knows of it. */
  clean: (value: unknown) => unknown;
  /** An answer in words, for the history and for those who listen. */
  describe: (value: unknown) => string;
  /** The same in two or three words, for the button that submits it. */
  brief: (value: unknown) => string;
  /** Why this cannot be submitted yet, as a sentence, where null is nothing said at all; null where it can. */
  refuse: (value: unknown, suggestion: Suggestion | null) => string | null;
  /** What has to come first where there is nothing to submit, as a verb and its object. */
  first: readonly [verb: string, what: string];
  /** How an answer that stands is changed. */
  change: string;
}

const PLAIN: TaskRules = {
  blank: null,
  clean: (value) => value,
  describe,
  brief: describe,
  refuse: (value) => (value === null ? "Choose a label." : null),
  first: ["Choose", "a label"],
  change: "Another label changes it; Enter keeps it.",
};

/** Of more labels than this the button tells only how many they are. */
const NAMED = 2;

const MULTILABEL: TaskRules = {
  ...PLAIN,
  describe: (value) => (isNone(value) ? "none of these" : describe(value)),
  brief: (value) =>
    Array.isArray(value) && value.length > NAMED ? plural(value.length, "label") : MULTILABEL.describe(value),
  refuse: (value, suggestion) =>
    value === null || (isNone(value) && !isNone(suggestion?.value))
      ? "Nothing is checked: check labels, or answer \u201cnone of these\u201d."
      : null,
  first: ["Check", "labels"],
  change: "Checking other labels changes it; Enter keeps it.",
};

const GENERATION: TaskRules = {
  ...PLAIN,
  brief: () => "",
  refuse: (value) =>
    typeof value !== "string" || value.trim() === "" ? "There is no text yet: write one, or skip the document." : null,
  first: ["Submit", ""],
  change: "Editing changes it; submitting it as it is keeps it.",
};

const TAGGING: TaskRules = {
  blank: [],
  clean: spans.clean,
  describe: spans.describe,
  brief: spans.brief,
  refuse: () => null,
  first: ["Submit", "no spans"],
  change: "Editing the spans changes it; Enter keeps it.",
};

const TASKS: Readonly<Record<string, TaskRules>> = {
  classification: PLAIN,
  tagging: TAGGING,
  multilabel: MULTILABEL,
  generation: GENERATION,
};

export function rulesOf(task: string | undefined): TaskRules {
  return task !== undefined && Object.hasOwn(TASKS, task) ? (TASKS[task] ?? PLAIN) : PLAIN;
}

/** Whether an answer is what the model suggested, as it would be submitted; any of its candidates is. */
export function accepts(rules: TaskRules, value: unknown, { value: suggested, candidates }: Suggestion): boolean {
  return same(value, rules.clean(suggested)) || (typeof value === "string" && candidates?.includes(value) === true);
}

/** An answer in words, whatever its task. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  return Array.isArray(value) ? value.map(describe).join(", ") : JSON.stringify(value);
}

/** The answer that none of the labels fits, which is not the same as no answer. */
function isNone(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
