import { describe, expect, it, test } from "vitest";
import { ago, count, duration, excerpt, median, pace, plural, share } from "../src/lib/format";
import { match, search } from "../src/lib/fuzzy";
import { uuid } from "../src/lib/ids";
import { type Block, inline, parse, safeHref } from "../src/lib/markdown";
import { BrowserStore } from "../src/lib/storage";

describe("numbers and times", () => {
  test.each([
    [0, "0"],
    [999, "999"],
    [4211, "4\u202f211"],
    [1_000_000, "1\u202f000\u202f000"],
  ])("%d is shown as %s", (n, text) => expect(count(n)).toBe(text));

  test.each([
    [0, ".00"],
    [0.514, ".51"],
    [0.999, "1.0"],
    [1, "1.0"],
    [1.7, "1.0"],
    [-1, ".00"],
  ])("the share %d is shown as %s", (p, text) => expect(share(p)).toBe(text));

  test.each([
    [0.2, "1 s"],
    [42, "42 s"],
    [59.6, "1 min"],
    [120, "2 min"],
    [4_800, "1 h 20 min"],
    [3_600, "1 h"],
    [21_000, "6 h"],
    [86_400, "1 day"],
    [260_000, "3 days"],
  ])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

  it("gives the pace a decimal where it matters", () => {
    expect(pace(2.44)).toBe("2.4 s");
    expect(pace(48.4)).toBe("48 s");
  });

  it("tells how long ago something was", () => {
    const now = Date.parse("2026-01-05T10:00:00Z");
    expect(ago("2026-01-05T09:59:58.5Z", now)).toBe("just now");
    expect(ago("2026-01-05T09:59:48Z", now)).toBe("12 s ago");
    expect(ago("2025-12-01T09:59:48Z", now)).toBe("2025-12-01");
    expect(ago("no time", now)).toBe("");
  });

  it("takes the middle value", () => {
    expect(median([])).toBeNull();
    expect(median([3])).toBe(3);
    expect(median([9, 1, 2])).toBe(2);
    expect(median([1, 2, 3, 100])).toBe(2.5);
  });

  it("never cuts a letter in two", () => {
    const cut = excerpt("👩‍👩‍👧".repeat(60), 10);
    expect(Array.from(cut)).toHaveLength(10);
    expect(cut).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
    expect(excerpt("one\n\n two")).toBe("one two");
  });

  it("counts things", () =>
    expect([plural(1, "copy", "copies"), plural(2, "copy", "copies")]).toEqual(["1 copy", "2 copies"]));
});

describe("finding labels", () => {
  const names = ["Card lost", "Card declined", "Loan closing", "Account closing", "Éducation", "C"];
  const find = (query: string) => search(query, names, (index) => index).map(({ index }) => names[index]);

  it("finds by prefix, by word, by scattered letters, in this order", () => {
    expect(find("card l")[0]).toBe("Card lost");
    expect(find("clos").slice(0, 2).sort()).toEqual(["Account closing", "Loan closing"]);
    expect(find("cdec")).toEqual(["Card declined"]);
    expect(find("lc")[0]).toBe("Loan closing");
    expect(find("c")[0]).toBe("C");
    expect(find("zzz")).toEqual([]);
  });

  it("ignores accents and case", () => expect(find("educ")).toEqual(["Éducation"]));

  it("orders by rank when nothing is typed", () => {
    const order = search("", names, (index) => -index).map(({ index }) => index);
    expect(order).toEqual([5, 4, 3, 2, 1, 0]);
  });

  it("marks the letters it matched", () => {
    for (const [query, name] of [
      ["cl", "Account closing"],
      ["card", "Card lost"],
      ["aclo", "Account closing"],
    ] as const) {
      const hit = match(query, name);
      expect(hit?.at.map((i) => name[i]?.toLowerCase()).join("")).toBe(query);
    }
  });
});

describe("markdown", () => {
  const kinds = (blocks: Block[]) => blocks.map(({ kind }) => kind);

  it("knows headings, paragraphs, lists, quotes, code and rules", () => {
    const blocks = parse(
      "# One\n\nText *em* **strong** `code`\n\n- a\n  - b\n- c\n\n3. x\n\n> q\n\n```\n<b>\n```\n\n---",
    );
    expect(kinds(blocks)).toEqual(["heading", "paragraph", "list", "list", "quote", "code", "rule"]);
    expect(blocks[2]).toMatchObject({ ordered: false, items: [{ depth: 0 }, { depth: 1 }, { depth: 0 }] });
    expect(blocks[3]).toMatchObject({ ordered: true, start: 3 });
    expect(blocks[5]).toEqual({ kind: "code", text: "<b>" });
  });

  it("leaves HTML as text", () => {
    const source = '<script>alert(1)</script> <img src=x onerror="x">';
    expect(parse(source)).toEqual([{ kind: "paragraph", children: [{ kind: "text", text: source }] }]);
  });

  it("follows only http, https and mailto", () => {
    expect(safeHref("https://example.org/a?b=1")).toBe("https://example.org/a?b=1");
    expect(safeHref("mailto:ana@example.org")).toBe("mailto:ana@example.org");
    for (const href of [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      "data:text/html,x",
      "//evil.example",
      " https://x",
      "https://[",
    ]) {
      expect(safeHref(href)).toBeNull();
    }
    expect(inline("[x](javascript:alert)")).toEqual([{ kind: "text", text: "[x](javascript:alert)" }]);
  });

  it("loses no letter of what it does not understand", () => {
    const flat = (parts: ReturnType<typeof inline>): string =>
      parts.map((part) => ("text" in part ? part.text : "children" in part ? flat(part.children) : "\n")).join("");
    for (const text of [
      "a * b",
      "**open",
      "snake_case_name",
      "![p](http://x/p.png)",
      "[a](b c)",
      "`open",
      "\\*not\\*",
    ]) {
      expect(flat(inline(text)).replace(/[!\\]/g, "")).toContain(text.replace(/[\\!]|\[|\]\(.*?\)/g, "").slice(0, 3));
    }
    expect(flat(inline("snake_case_name"))).toBe("snake_case_name");
  });

  it("ends on any input", () => {
    const deep = "*".repeat(5_000) + "[".repeat(5_000) + "_".repeat(5_000);
    expect(parse(deep)).toHaveLength(1);
    expect(parse(">".repeat(3_000))).toHaveLength(1);
    expect(parse("- ".repeat(3_000))).toHaveLength(1);
  });
});

describe("ids", () => {
  it("makes version 4 uuids, also without a secure context", () => {
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    const insecure = { getRandomValues: (bytes: Uint8Array) => bytes.fill(171) } as unknown as Crypto;
    for (const id of [uuid(), uuid(insecure), uuid({} as Crypto)]) {
      expect(id).toMatch(form);
    }
    expect(uuid()).not.toBe(uuid());
  });
});

describe("storage", () => {
  const full = (): Storage => {
    const values = new Map<string, string>();
    return {
      get length() {
        return values.size;
      },
      key: (i: number) => [...values.keys()][i] ?? null,
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => {
        if (value.length > 20) throw new DOMException("full", "QuotaExceededError");
        values.set(key, value);
      },
      removeItem: (key: string) => void values.delete(key),
      clear: () => values.clear(),
    };
  };

  it("keeps in memory what the browser refuses", () => {
    const store = new BrowserStore(full);
    expect(store.set("a:small", "x")).toBe(true);
    expect(store.set("a:large", "x".repeat(50))).toBe(false);
    expect(store.get("a:large")).toHaveLength(50);
    expect(store.keys("a:").sort()).toEqual(["a:large", "a:small"]);
    store.remove("a:large");
    expect(store.get("a:large")).toBeNull();
  });

  it("works where storage is forbidden", () => {
    const store = new BrowserStore(() => {
      throw new DOMException("denied", "SecurityError");
    });
    expect(store.durable).toBe(false);
    expect(store.set("k", "v")).toBe(false);
    expect(store.get("k")).toBe("v");
  });
});
