/** What the page has to know of a task beyond its card. */
import { same } from "./lib/same";

export interface TaskRules {
  /** What Enter submits where nothing was said or suggested; null where an answer is needed first. */
  blank: unknown;
  /** A suggested value as an answer: without what only the model knows of it. */
  clean: (value: unknown) => unknown;
  /** An answer in words, for the history and for those who listen. */
  describe: (value: unknown) => string;
  /** The same in two or three words, for the button that submits it. */
  brief: (value: unknown) => string;
}

const PLAIN: TaskRules = { blank: null, clean: (value) => value, describe, brief: describe };

const TASKS: Readonly<Record<string, TaskRules>> = {
  classification: PLAIN,
};

export function rulesOf(task: string | undefined): TaskRules {
  return task !== undefined && Object.hasOwn(TASKS, task) ? (TASKS[task] ?? PLAIN) : PLAIN;
}

/** Whether an answer is the suggestion, as it would be submitted. */
export function accepts(rules: TaskRules, value: unknown, suggestion: unknown): boolean {
  return same(value, rules.clean(suggestion));
}

/** An answer in words, whatever its task. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  return Array.isArray(value) ? value.map(describe).join(", ") : JSON.stringify(value);
}
