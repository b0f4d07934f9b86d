import { useMemo } from "preact/hooks";
import { labels as labelsOf } from "../state/selectors";
import { Actions } from "../ui/actions";
import { useCardKeys, useCardLabels, useMeaning, useState_ } from "../ui/context";
import { Labels } from "./labels";
import { Meta } from "./meta";
import { Picker } from "./picker";
import type { CardProps } from "./registry";
import { Bar } from "./spans/bar";
import { onCardKey } from "./spans/keys";
import { SpanList } from "./spans/list";
import { useTagger } from "./spans/tagger";
import { SpanText } from "./spans/text";
import { Why } from "./why";

/** One document, and the spans that are labelled in it. */
export function TaggingCard({ item }: CardProps) {
  const state = useState_();
  const { prompt } = state;
  const tagger = useTagger(item);
  const meaning = useMeaning();
  const names = labelsOf(state).map(({ name }) => name);
  const labels = useMemo(() => names, [names.join("\n")]);
  useCardLabels((label) => tagger.pick(label));
  useCardKeys((event, typing) => !typing && onCardKey(event, meaning(event), tagger));
  const pressed = tagger.focus?.label ?? tagger.now.marking.active;
  return (
    <article class="alwidget-card is-tagging" data-testid="card" data-item-id={item.item} aria-label="document">
      <Meta item={item} />
      <div class="alwidget-answer">
        <Labels item={item} hidden={prompt === "picker"} chosen={new Set(pressed === null ? [] : [pressed])} />
        {prompt === "picker" && <Picker item={item} />}
      </div>
      <SpanText tagger={tagger} labels={labels} />
      <Bar tagger={tagger} />
      <SpanList tagger={tagger} labels={labels} />
      <Why item={item} />
      <Actions />
    </article>
  );
}
