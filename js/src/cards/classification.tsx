import { Actions } from "../ui/actions";
import { useState_ } from "../ui/context";
import { DocumentText } from "./document";
import { Labels } from "./labels";
import { Meta } from "./meta";
import { Picker } from "./picker";
import type { CardProps } from "./registry";
import { Why } from "./why";

/** One document, one label. */
export function ClassificationCard({ item }: CardProps) {
  const { prompt } = useState_();
  return (
    <article class="alwidget-card" data-testid="card" data-item-id={item.item} aria-label="document">
      <Meta item={item} />
      <DocumentText item={item} />
      <div class="alwidget-answer">
        <Labels item={item} hidden={prompt === "picker"} />
        {prompt === "picker" && <Picker item={item} />}
      </div>
      <Why item={item} />
      <Actions />
    </article>
  );
}
