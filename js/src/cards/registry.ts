/**
 * One card for each task. A new task is a new file here: a component that draws the document with its answer and calls
 * the controller; everything around it (queue, undo, saving, panels) stays as it is.
 */
import type { ComponentType } from "preact";
import type { Item } from "../protocol";
import { ClassificationCard } from "./classification";
import { GenerationCard } from "./generation";
import { MultilabelCard } from "./multilabel";
import { TaggingCard } from "./tagging";

export interface CardProps {
  item: Item;
}

const CARDS: Readonly<Record<string, ComponentType<CardProps>>> = {
  classification: ClassificationCard,
  multilabel: MultilabelCard,
  tagging: TaggingCard,
  generation: GenerationCard,
};

export function cardFor(task: string): ComponentType<CardProps> | null {
  return Object.hasOwn(CARDS, task) ? (CARDS[task] ?? null) : null;
}
