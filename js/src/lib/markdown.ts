/**
 * A small, safe Markdown: text in, a tree of known nodes out. HTML stays text; links keep only http(s) and mailto.
 *
 * The tree is drawn by `panels/markdown.tsx` with elements and text nodes, so nothing in the source can become markup.
 */
export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "strong" | "em"; children: Inline[] }
  | { kind: "link"; href: string; children: Inline[] }
  | { kind: "break" };

export type Block =
  | { kind: "heading"; level: number; children: Inline[] }
  | { kind: "paragraph" | "quote"; children: Inline[] }
  | { kind: "list"; ordered: boolean; start: number; items: ListItem[] }
  | { kind: "code"; text: string }
  | { kind: "rule" };

export interface ListItem {
  depth: number;
  children: Inline[];
}

const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^\s{0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const FENCE = /^\s{0,3}(```+|~~~+)/;
const MAX_DEPTH = 8;

export function parse(source: string): Block[] {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let i = 0;
  while (i < lines.length) {
    const line = lines[i] ?? "";
    const fence = FENCE.exec(line)?.[1];
    if (line.trim() === "") {
      i += 1;
    } else if (fence !== undefined) {
      const end = closing(lines, i + 1, fence);
      blocks.push({ kind: "code", text: lines.slice(i + 1, end).join("\n") });
      i = end + 1;
    } else if (HEADING.test(line)) {
      const [, marks = "#", text = ""] = HEADING.exec(line) ?? [];
      blocks.push({ kind: "heading", level: marks.length, children: inline(text) });
      i += 1;
    } else if (RULE.test(line)) {
      blocks.push({ kind: "rule" });
      i += 1;
    } else if (ITEM.test(line)) {
      i = list(lines, i, blocks);
    } else {
      i = paragraph(lines, i, blocks);
    }
  }
  return blocks;
}

function closing(lines: readonly string[], from: number, fence: string): number {
  for (let i = from; i < lines.length; i += 1) {
    if ((lines[i] ?? "").trim().startsWith(fence.slice(0, 3))) {
      return i;
    }
  }
  return lines.length;
}

function list(lines: readonly string[], from: number, blocks: Block[]): number {
  const first = ITEM.exec(lines[from] ?? "");
  const ordered = first?.[2] !== undefined;
  const collected: { depth: number; text: string }[] = [];
  let i = from;
  for (; i < lines.length; i += 1) {
    const line = lines[i] ?? "";
    const hit = ITEM.exec(line);
    const last = collected.at(-1);
    if (hit !== null && !RULE.test(line)) {
      collected.push({ depth: Math.min(3, Math.floor((hit[1] ?? "").length / 2)), text: hit[3] ?? "" });
    } else if (line.trim() !== "" && /^\s+/.test(line) && last !== undefined) {
      last.text += ` ${line.trim()}`;
    } else {
      break;
    }
  }
  const items = collected.map(({ depth, text }) => ({ depth, children: inline(text) }));
  blocks.push({ kind: "list", ordered, start: ordered ? Number(first?.[2]) : 1, items });
  return i;
}

function paragraph(lines: readonly string[], from: number, blocks: Block[]): number {
  const quote = (lines[from] ?? "").startsWith(">");
  const collected: string[] = [];
  let i = from;
  for (; i < lines.length; i += 1) {
    const line = lines[i] ?? "";
    const other = HEADING.test(line) || FENCE.test(line) || ITEM.test(line) || RULE.test(line);
    if (line.trim() === "" || line.startsWith(">") !== quote || (i > from && other)) {
      break;
    }
    collected.push(quote ? line.replace(/^>\s?/, "") : line);
  }
  blocks.push({ kind: quote ? "quote" : "paragraph", children: inline(collected.join("\n")) });
  return Math.max(i, from + 1);
}

const TOKEN =
  /(`+)([\s\S]+?)\1|\*\*([\s\S]+?)\*\*|__([\s\S]+?)__|\*([^\s*][^*]*?)\*|\b_([^_\s][^_]*?)_\b|\[([^\]\n]*)\]\(([^()\s]*)\)|\\([\\`*_[\]()#>+\-.!])|(?: {2,}|\\)\n/;

/** Inline marks of one run of text. Depth is bounded, so that no source can make the parser recurse without end. */
export function inline(text: string, depth = 0): Inline[] {
  const out: Inline[] = [];
  let rest = text;
  while (rest !== "") {
    const hit = depth < MAX_DEPTH ? TOKEN.exec(rest) : null;
    if (hit === null) {
      push(out, rest);
      break;
    }
    push(out, rest.slice(0, hit.index));
    out.push(...token(hit, depth));
    rest = rest.slice(hit.index + hit[0].length);
  }
  return out;
}

function token(hit: RegExpExecArray, depth: number): Inline[] {
  const [whole, , code, strong1, strong2, em1, em2, label, href, escaped] = hit;
  if (code !== undefined) {
    return [{ kind: "code", text: code.trim() }];
  }
  const strong = strong1 ?? strong2;
  if (strong !== undefined) {
    return [{ kind: "strong", children: inline(strong, depth + 1) }];
  }
  const em = em1 ?? em2;
  if (em !== undefined) {
    return [{ kind: "em", children: inline(em, depth + 1) }];
  }
  if (href !== undefined && label !== undefined) {
    const safe = safeHref(href);
    return safe === null
      ? [{ kind: "text", text: whole }]
      : [{ kind: "link", href: safe, children: inline(label, depth + 1) }];
  }
  return escaped === undefined ? [{ kind: "break" }] : [{ kind: "text", text: escaped }];
}

/** An address that may be followed: http, https or mailto, as the browser's own parser reads it. */
export function safeHref(href: string): string | null {
  if (!/^(?:https?:\/\/|mailto:)/i.test(href)) {
    return null;
  }
  try {
    const url = new URL(href);
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function push(out: Inline[], text: string): void {
  if (text !== "") {
    out.push({ kind: "text", text });
  }
}
