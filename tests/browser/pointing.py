"""Pointing at letters, as a person with a mouse does, and reading the spans that are drawn."""

from __future__ import annotations

from browser.driver import Widget

MARK = """(text, [start, end]) => {
    const range = document.createRange(); const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    let at = 0, from = null, to = null;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const length = node.data.length;
        if (from === null && start < at + length) from = [node, start - at];
        if (to === null && end <= at + length) to = [node, end - at];
        at += length;
    }
    range.setStart(...from); range.setEnd(...to);
    const boxes = [...range.getClientRects()].filter(box => box.width > 0);
    return [boxes[0], boxes.at(-1)].map(({left, right, top, bottom}) => ({left, right, y: (top + bottom) / 2})); }"""


def units(text: str) -> int:
    """Return the length of a text as a page counts it."""
    return len(text.encode("utf-16-le")) // 2


def ends(widget: Widget, text: str, first: str, last: str | None = None) -> tuple[dict[str, float], dict[str, float]]:
    """Return where the first letter of `first` and the last letter of `last` are on the screen."""
    last = first if last is None else last
    begin = text.index(first)
    end = text.index(last, begin) + len(last)
    widget.text.evaluate("e => e.closest('[data-scroll]').scrollIntoViewIfNeeded?.()")
    left, _ = widget.text.evaluate(MARK, [units(text[:begin]), units(text[: begin + 1])])
    _, right = widget.text.evaluate(MARK, [units(text[: end - 1]), units(text[:end])])
    return left, right


def drag(widget: Widget, text: str, first: str, last: str | None = None, *, back: bool = False) -> None:
    """Drag from the first letter of `first` to the last letter of `last`, the press and the release upon them; or back."""
    left, right = ends(widget, text, first, last)
    left, right = (right, left) if back else (left, right)
    mouse = widget.page.mouse
    mouse.move((left["left"] + left["right"]) / 2, left["y"])
    mouse.down()
    mouse.move((left["left"] + right["right"]) / 2, (left["y"] + right["y"]) / 2)
    mouse.move((right["left"] + right["right"]) / 2, right["y"])
    mouse.up()


def click(widget: Widget, text: str, word: str, *, count: int = 1) -> None:
    """Click the first letter of `word`."""
    left, _ = ends(widget, text, word)
    widget.page.mouse.click((left["left"] + left["right"]) / 2, left["y"], click_count=count)


def shown(widget: Widget) -> list[tuple[str, int, int, str]]:
    """Return the spans on the page: label, start, end, origin."""
    return [
        tuple(row)
        for row in widget.root.evaluate(
            """root => [...root.querySelectorAll('[data-testid="span"]')].map(
                e => [e.dataset.label, Number(e.dataset.start), Number(e.dataset.end), e.dataset.origin])"""
        )
    ]
