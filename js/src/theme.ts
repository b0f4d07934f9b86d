/**
 * Light or dark, as the host is: JupyterLab, VS Code and marimo each say it in their own way; elsewhere the colour behind
 * the widget decides, and at last the reader's own preference.
 */
import type { ThemeChoice } from "./connection";

export type Theme = "light" | "dark";

export function detect(element: Element, choice: ThemeChoice): Theme {
  if (choice !== "auto") {
    return choice;
  }
  // From the parent on: what stands on the element itself is our own earlier answer.
  for (let node = parentOf(element); node !== null; node = parentOf(node)) {
    const said = named(node);
    if (said !== null) {
      return said;
    }
  }
  const behind = background(element);
  if (behind !== null) {
    return behind < 0.4 ? "dark" : "light";
  }
  return globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** What a host says on an element of its own. */
function named(element: Element): Theme | null {
  const jupyter = element.getAttribute("data-jp-theme-light");
  if (jupyter !== null) {
    return jupyter === "false" ? "dark" : "light";
  }
  const classes = element.classList;
  if (classes.contains("vscode-dark") || classes.contains("vscode-high-contrast")) {
    return classes.contains("vscode-high-contrast-light") ? "light" : "dark";
  }
  if (classes.contains("vscode-light")) {
    return "light";
  }
  const data = element.getAttribute("data-theme") ?? element.getAttribute("theme");
  const isRoot = element.tagName === "HTML" || element.tagName === "BODY";
  if (data === "dark" || (isRoot && classes.contains("dark"))) {
    return "dark";
  }
  return data === "light" || (isRoot && classes.contains("light")) ? "light" : null;
}

/** A high-contrast theme of the host; the system's own wish is in the style sheet. */
function wantsContrast(element: Element): boolean {
  for (let node: Element | null = element; node !== null; node = parentOf(node)) {
    const name = node.getAttribute("data-jp-theme-name") ?? "";
    if (/high.?contrast/i.test(name) || [...node.classList].some((part) => part.startsWith("vscode-high-contrast"))) {
      return true;
    }
  }
  return false;
}

/** The parent, also from inside a shadow root to its host. */
function parentOf(element: Element): Element | null {
  if (element.parentElement !== null) {
    return element.parentElement;
  }
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}

/** Relative luminance of the first opaque background behind the element; null when everything is transparent. */
function background(element: Element): number | null {
  for (let node = parentOf(element); node !== null; node = parentOf(node)) {
    const parsed = luminance(getComputedStyle(node).backgroundColor);
    if (parsed !== null) {
      return parsed;
    }
  }
  return null;
}

export function luminance(css: string): number | null {
  const hit = /^rgba?\(\s*([\d.]+)[,\s]+([\d.]+)[,\s]+([\d.]+)(?:[,/\s]+([\d.]+%?))?\s*\)$/.exec(css);
  if (hit === null) {
    return null;
  }
  const [, r = "0", g = "0", b = "0", a = "1"] = hit;
  const alpha = a.endsWith("%") ? Number.parseFloat(a) / 100 : Number(a);
  if (alpha < 0.5) {
    return null;
  }
  const linear = [r, g, b].map((channel) => {
    const value = Number(channel) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const [lr = 0, lg = 0, lb = 0] = linear;
  return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
}

/** Keep `data-theme` of the widget's root right; returns what ends that. */
export function follow(root: HTMLElement, choice: () => ThemeChoice): { update: () => void; stop: () => void } {
  const update = (): void => {
    const theme = detect(root, choice());
    const contrast = wantsContrast(root) ? "more" : "normal";
    if (root.dataset.theme !== theme || root.dataset.contrast !== contrast) {
      root.dataset.theme = theme;
      root.dataset.contrast = contrast;
    }
  };
  const document = root.ownerDocument;
  const observer = new MutationObserver(update);
  const attributeFilter = [
    "class",
    "data-jp-theme-light",
    "data-jp-theme-name",
    "data-theme",
    "data-vscode-theme-kind",
    "style",
  ];
  for (const target of [document.documentElement, document.body]) {
    observer.observe(target, { attributes: true, attributeFilter });
  }
  const media = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
  media?.addEventListener("change", update);
  update();
  const stop = (): void => {
    observer.disconnect();
    media?.removeEventListener("change", update);
  };
  return { update, stop };
}
