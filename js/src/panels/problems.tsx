import { useEffect, useState } from "preact/hooks";
import { plural } from "../lib/format";
import { useApp, useState_ } from "../ui/context";

/** Rows of the data that could not be read, with file and line: they were set aside, not guessed at. */
export function ProblemsPanel() {
  const { controller } = useApp();
  const { session } = useState_();
  const [lines, setLines] = useState<readonly string[] | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    controller.request("problems").then(
      (data) => setLines(readProblems(data)),
      (error: unknown) => setTrouble(error instanceof Error ? error.message : String(error)),
    );
  }, [controller]);
  return (
    <>
      <p class="alwidget-quiet">
        {plural(session?.problems ?? 0, "row was", "rows were")} set aside while reading the data.
      </p>
      {trouble !== "" && <p class="alwidget-quiet is-warn">{trouble}</p>}
      <ul class="alwidget-problems">
        {(lines ?? []).map((line) => (
          <li key={line} dir="auto">
            {line}
          </li>
        ))}
      </ul>
    </>
  );
}

export function readProblems(data: unknown): string[] {
  const list = typeof data === "object" && data !== null && "problems" in data ? data.problems : data;
  return Array.isArray(list) ? list.map(String) : [];
}
