import { labelKeys } from "../keyboard";
import { labels } from "../state/selectors";
import { useState_ } from "../ui/context";
import { hue, Keys } from "../ui/parts";
import { Markdown } from "./markdown";
import { Section } from "./panel";

/** The rules of the work, and what each label means. */
export function GuidelinesPanel() {
  const state = useState_();
  const guidelines = state.session?.guidelines ?? "";
  const list = labels(state);
  return (
    <>
      {guidelines.trim() === "" ? (
        <p class="alwidget-quiet">
          No guidelines yet. Give them with <code>annotate(…, guidelines="…")</code>, in Markdown.
        </p>
      ) : (
        <Markdown source={guidelines} />
      )}
      <Section title="Labels">
        <dl class="alwidget-definitions">
          {list.map(({ name, definition }, index) => {
            const keys = labelKeys(index);
            return (
              <div key={name} data-hue={hue(index)}>
                <dt>
                  <span class="alwidget-label-dot" aria-hidden="true" />
                  <span dir="auto">{name}</span>
                  {keys !== null && <Keys keys={keys} />}
                </dt>
                {definition !== "" && <dd dir="auto">{definition}</dd>}
              </div>
            );
          })}
        </dl>
      </Section>
    </>
  );
}
