"""What an edit costs on a tagging card: a document of 200,000 characters with 2,000 spans, in Chromium.

The page is the built front end with a kernel made of JavaScript, as the browser tests have it: what is measured is the
page's own work, from a key until the frame with its effect is painted. Frames come every 16.7 ms, and waiting for the
next one is counted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks import corpus
from benchmarks.report import Row, emit

sys.path.insert(0, str(corpus.ROOT / "tests"))

from alwidget.tasks.words import word_spans
from browser import chromium
from browser.plain_page import PlainPage, build, serve

LENGTH, SPANS = 200_000, 2_000
EDITS, FIRST = 60, 5
WANTED = 50.0
LINE = "In March the mill at Ulm 🙂 closed, and Bo went to live with Ada in Genoa near the sea."

PRESS = """async keys => {
    const root = document.querySelector('.alwidget-root');
    const paint = () => new Promise(done => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done(performance.now());
        channel.port2.postMessage(0);
    }));
    const seen = [];
    for (const key of keys) {
        await paint();
        await new Promise(done => setTimeout(done, 5));
        const changed = new Promise(done => {
            const watch = new MutationObserver(() => { watch.disconnect(); done(performance.now()); });
            watch.observe(root, {subtree: true, childList: true, attributes: true, characterData: true});
        });
        const began = performance.now();
        const code = /\\d/.test(key) ? `Digit${key}` : key;
        root.dispatchEvent(new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}));
        const drawn = await changed;
        seen.push([key, drawn - began, (await paint()) - began]);
    }
    return seen; }"""


def document(newline: str) -> dict[str, Any]:
    """Return one long document whose model suggests many spans, with the words that the kernel would send."""
    line = LINE + newline
    text = line * (LENGTH // len(line) + 1)
    at = LINE.index("Ulm")
    spans = [
        {"start": i * len(line) + at, "end": i * len(line) + at + 3, "label": "LOC", "text": "Ulm", "confidence": 0.9}
        for i in range(SPANS)
    ]
    suggestion = {"value": spans, "confidence": 0.9, "probs": None, "candidates": None}
    words = word_spans(text).ravel().tolist()
    return {"item": "long", "text": text, "words": words, "suggestion": suggestion}


@contextmanager
def page_of(options: dict[str, Any]) -> Iterator[PlainPage]:
    """Open the front end in a new browser."""
    from playwright.sync_api import sync_playwright

    binary = chromium.find()
    if binary is None:
        message = 'There is no Chromium; "make chromium" installs one, or set ALWIDGET_CHROMIUM to its path.'
        raise SystemExit(message)
    with serve() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=chromium.arguments())
        yield PlainPage(browser.new_context(), address, options)
        browser.close()


def edits(newline: str) -> dict[str, list[list[float]]]:
    """Label words at both ends of the document, and step through its spans; milliseconds by what was done."""
    options = {"task": "tagging", "labels": ["PER", "LOC"], "answered": 0, "documents": [document(newline)]}
    with page_of(options) as page:
        page.ready()
        page.focus()
        page.press("Shift+A")
        seen = {}
        for name, keys in (("t", ["ArrowRight", "ArrowRight", "1"]), ("End", ["ArrowLeft", "ArrowLeft", "1"])):
            page.press(*(("t",) if name == "t" else ("Escape", "t", "End")))
            rows = page.tab.evaluate(PRESS, keys * (EDITS + FIRST))
            seen[name] = [row[1:] for row in rows if row[0] == "1"][FIRST:]
            seen["move"] = seen.get("move", []) + [row[1:] for row in rows if row[0] != "1"][FIRST:]
        seen["]"] = [row[1:] for row in page.tab.evaluate(PRESS, ["]"] * (EDITS + FIRST))][FIRST:]
        assert page.text.evaluate("e => e.textContent") == options["documents"][0]["text"]
        assert not page.watch.errors
    return seen


def row(what: str, seen: list[list[float]]) -> Row:
    """Return the median and the 99th percentile until the change is in the document, and until it is painted."""
    drawn, painted = np.array(seen).T
    middle, most = np.percentile(painted, [50, 99])
    measured = f"{middle:.1f} / {most:.1f} ms, in the document after {np.median(drawn):.1f} ms"
    return Row(f"{what} → painted, median / p99", measured, f"p99 < {WANTED:.0f} ms", bool(most < WANTED))


def main() -> None:
    """Measure, print and keep the numbers."""
    build()
    load = os.getloadavg()[0]
    rows = []
    for newline, kind in (("\n", "lines"), (" ", "one line")):
        seen = edits(newline)
        rows += [
            row(f"label a word at the beginning, {kind}", seen["t"]),
            row(f"label a word at the end, {kind}", seen["End"]),
            row(f"move the token cursor, {kind}", seen["move"]),
            row(f"go to the next span, {kind}", seen["]"]),
        ]
    notes = [
        f"{LENGTH:,} characters, {SPANS:,} spans and more with every edit; {EDITS} edits of each kind",
        f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores",
    ]
    emit("spans", "Spans in a long document", rows, notes)


if __name__ == "__main__":
    main()
