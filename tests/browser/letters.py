"""Letters with a person and a town in each, for the tests that label entity spans; and how a person labels them."""

from __future__ import annotations

from typing import Any

from browser.driver import Widget
from browser.pointing import drag

SESSION = "people.alw"
NAMES = ["Ada", "Bo 🙂", "Zoë", "Noe\u0308l", "👩‍🚀 Eva"]
TOWNS = ["Paris", "Rome", "𝒜thens", "São Paulo", "東京"]
DOCUMENTS = [
    {"id": f"doc-{i}", "text": f"🎉 Letter {i}: {NAMES[i % 5]} went to {TOWNS[i // 5 % 5]}.\r\nNo reply."}
    for i in range(40)
]
CELL = f"""
import alwidget as alw

documents = {DOCUMENTS!r}
session = alw.annotate(
    documents, labels=["PER", "LOC"], task="tagging", path="{SESSION}", model="bilstm-crf", strategy="random", seed=1
)
"""
PAUSED = f"{CELL}session.pause()\n"


def parts(text: str) -> tuple[str, str]:
    """Return the person and the town of a letter."""
    person, town = text.split(": ")[1].split(".\r\n", maxsplit=1)[0].split(" went to ")
    return person, town


def text_of(item: str) -> str:
    return DOCUMENTS[int(item.removeprefix("doc-"))]["text"]


def gold(text: str) -> list[dict[str, Any]]:
    """Return what a person would say, with the offsets that Python counts."""
    spans = []
    for part, label in zip(parts(text), ("PER", "LOC"), strict=True):
        start = text.index(part)
        spans.append({"start": start, "end": start + len(part), "label": label, "text": part})
    return spans


def by_mouse(widget: Widget, text: str) -> None:
    """Label both spans with the mouse alone, and submit."""
    for part, label in zip(parts(text), ("PER", "LOC"), strict=True):
        drag(widget, text, part)
        widget.labels.filter(has_text=label).click()
    widget.root.get_by_test_id("submit").click()


def by_keyboard(widget: Widget, text: str) -> None:
    """Label both spans with the keyboard alone, and submit."""
    from alwidget.tasks.words import word_spans

    words = word_spans(text).tolist()
    widget.press("t", "Home")
    cursor = 0
    for span, key in zip(gold(text), "12", strict=True):
        first = next(i for i, (start, end) in enumerate(words) if start <= span["start"] < end)
        last = next(i for i, (start, end) in enumerate(words) if start < span["end"] <= end)
        widget.press(*["ArrowRight"] * (first - cursor), *["Shift+ArrowRight"] * (last - first), key)
        cursor = last
    widget.press("Enter")
