"""What an answer is, task by task: what is taken, what is refused and in which words, what is trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget import tasks
from alwidget.errors import ArgumentError, LabelError
from alwidget.tasks import Classification, Generation, MultiLabel, Tagging

PARTS = [
    "Ada", " ", "\r\n", "\t", "e\u0301", "n\u0303o", "👍🏽", "👩‍👩‍👧‍👦", "🇮🇹", "𝒜𝒷", "𠮷野家", "東京", "שלום", "مرحبا",
    "\u200f", "\u200d", "ﬁ", "\u0130", "'", ".", "\u00a0", "\u3000", "क्षि",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=12).map("".join)
LABELS = ("PER", "LOC", "ORG")


def span(start: Any, end: Any, label: Any = "PER", **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, **more}


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A text and spans on it that may be anything at all."""
    text = draw(TEXTS)
    around = st.integers(-2, len(text) + 2)
    spans = draw(st.lists(st.builds(span, around, around, st.sampled_from((*LABELS, "NOPE"))), max_size=5))
    return text, spans


def by_definition(spans: list[dict[str, Any]], text: str, *, overlap: bool) -> bool:
    """Whether spans can be used, judged one by one and pair by pair."""
    alone = all(
        0 <= s["start"] < s["end"] <= len(text) and s["label"] in LABELS and text[s["start"] : s["end"]].strip()
        for s in spans
    )
    pairs = [(a, b) for i, a in enumerate(spans) for b in spans[:i]]
    apart = all(a["end"] <= b["start"] or b["end"] <= a["start"] for a, b in pairs)
    return alone and (all(a != b for a, b in pairs) if overlap else apart)


@given(documents(), st.booleans())
def test_spans_are_kept_to_the_letter_or_refused(document: tuple[str, list[dict[str, Any]]], overlap: bool) -> None:
    text, spans = document
    task = Tagging(LABELS, overlap=overlap)
    if not by_definition(spans, text, overlap=overlap):
        with pytest.raises(LabelError):
            task.validate(spans, text=text)
        return
    kept = task.validate(spans, text=text)
    assert all(s["text"] == text[s["start"] : s["end"]] for s in kept)
    places = sorted((s["start"], s["end"], s["label"]) for s in spans)
    assert [(s["start"], s["end"], s["label"]) for s in kept] == places
    assert task.validate(kept, text=text) == kept
    rows = task.encode([kept, []])
    assert [row.tolist() for row in rows] == [[[a, b, LABELS.index(c)] for a, b, c in places], []]
    assert all(row.dtype == np.int32 and row.shape[1] == 3 for row in rows)


@given(TEXTS, st.data())
def test_a_slice_that_the_document_does_not_say_is_refused(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    claimed = data.draw(st.one_of(st.just(text[start:end]), TEXTS))
    if claimed == text[start:end] and claimed.strip():
        assert Tagging(LABELS).validate([span(start, end, text=claimed)], text=text)[0]["text"] == claimed
    else:
        with pytest.raises(LabelError):
            Tagging(LABELS).validate([span(start, end, text=claimed)], text=text)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (span(-1, 3), "begins at -1"),
        (span(3, 60), "ends at 60, but the text has 18 characters"),
        (span(3, 1), "backwards"),
        (span(3, 3), "empty"),
        (span(3, 4), "white space"),
        (span(0, 3, text="Eva"), 'its text is "Eva", but the document says "Ada" there'),
        (span(0, 3, "PERS"), 'Did you mean "PER"'),
        (span(0, 3, 1), "label is a name"),
        (span(True, 3), "start is True, not a whole number"),
        (span(0.0, 3), "start is 0.0"),
        (span("0", 3), "not a whole number"),
        (span(0, 3, text=3), "its text is int"),
        ({"start": 0, "end": 3}, "no label"),
        ({"label": "PER"}, "no start and no end"),
        ("Ada", "not an object"),
    ],
)
def test_a_wrong_span_is_named_with_its_offsets(wrong: Any, said: str) -> None:
    text = "Ada met a 👍🏽 in Ulm"[:18]
    with pytest.raises(LabelError) as caught:
        Tagging(LABELS).validate([span(4, 7, "ORG"), wrong], text=text)
    assert said in str(caught.value)
    assert "span 2 of 2" in str(caught.value)
    assert "code points" in str(caught.value)


def test_all_wrong_spans_are_named_together() -> None:
    with pytest.raises(LabelError) as caught:
        Tagging(LABELS).validate([span(-1 - i, 2) for i in range(9)], text="Ada met Bob")
    assert "span 1 of 9" in str(caught.value)
    assert "and 4 more" in str(caught.value)


@pytest.mark.parametrize(
    ("spans", "together", "apart"),
    [
        ([span(0, 3), span(4, 7)], True, True),
        ([span(0, 3), span(3, 7)], True, True),
        ([span(0, 7), span(4, 11)], True, False),
        ([span(0, 11), span(4, 7)], True, False),
        ([span(0, 11), span(4, 7), span(8, 11, "LOC")], True, False),
        ([span(0, 3), span(0, 3, "LOC")], True, False),
        ([span(0, 3), span(0, 3)], False, False),
    ],
)
def test_overlap_where_it_is_allowed_and_where_not(spans: list[Any], together: bool, apart: bool) -> None:
    for overlap, fine in ((True, together), (False, apart)):
        task = Tagging(LABELS, overlap=overlap)
        if fine:
            assert len(task.validate(spans, text="Ada met Bob")) == len(spans)
        else:
            with pytest.raises(LabelError, match=r"share characters|is there twice"):
                task.validate(spans, text="Ada met Bob")


def test_spans_without_the_document_keep_their_slice_and_their_length() -> None:
    task = Tagging(LABELS)
    assert task.validate([span(0, 3, text="Ada")]) == [span(0, 3, text="Ada")]
    assert task.validate([span(np.int64(0), np.int32(3), confidence=0.5)]) == [span(0, 3)]
    with pytest.raises(LabelError, match="2 characters"):
        task.validate([span(0, 3, text="Ad")])
    for wrong in ("Ada", {"start": 0}, 3):
        with pytest.raises(LabelError, match="list of spans"):
            task.validate(wrong)
    assert task.validate([]) == task.validate(()) == []
    assert Tagging(open_labels=True).validate([span(0, 3, "NEW")])[0]["label"] == "NEW"
    with pytest.raises(LabelError, match="empty"):
        Tagging(open_labels=True).validate([span(0, 3, " ")])


def test_several_labels_come_in_key_order_and_none_is_an_answer() -> None:
    task = MultiLabel(("joy", "anger", "fear"))
    assert task.validate(["fear", "joy"]) == task.validate({"fear", "joy"}) == ["joy", "fear"]
    assert task.validate([]) == []
    assert task.encode([["fear", "joy"], []]).tolist() == [[True, False, True], [False, False, False]]
    assert task.encode([]).shape == (0, 3)
    for wrong, said in (
        ("joy", r'Write \["joy"\]'),
        ({"joy": 1}, "list of names"),
        (["joy", "joy"], "more than once"),
        (["angre"], 'Did you mean "anger"'),
        ([None], "A label is a name"),
    ):
        with pytest.raises(LabelError, match=said):
            task.validate(wrong)
    assert MultiLabel(("b",), open_labels=True).validate(["z", "b", "a"]) == ["b", "z", "a"]
    assert task.knows(["joy"])
    assert not task.knows(["bliss"])


def test_a_written_text_is_kept_to_the_letter() -> None:
    task = Generation()
    assert task.validate("  two\r\nlines 👍🏽 ") == "  two\r\nlines 👍🏽 "
    assert task.encode(["a", "b"]) == ["a", "b"]
    for wrong in ("", " \n\u3000", None, ["a"], 3):
        with pytest.raises(LabelError):
            task.validate(wrong)
    assert task.with_labels(["a"]).labels == ()


def test_tasks_by_name() -> None:
    assert tasks.names() == ("classification", "multilabel", "tagging", "generation")
    kinds = {name: type(tasks.get(name)) for name in tasks.names()}
    assert list(kinds.values()) == [Classification, MultiLabel, Tagging, Generation]
    assert [tasks.get(name).key for name in kinds] == ["label", "labels", "spans", "target"]
    assert all(isinstance(tasks.get(name), tasks.Task) for name in kinds)
    tagging = tasks.get("tagging", ["A"], open_labels=True, overlap=True)
    assert tagging.with_labels(["B"]) == Tagging(("B",), open_labels=True, overlap=True)
    with pytest.raises(ArgumentError, match='Did you mean "tagging"'):
        tasks.get("taging")
    with pytest.raises(ArgumentError, match="takes no labels"):
        tasks.get("generation", ["a"])
    with pytest.raises(ArgumentError, match="overlap=True is about spans"):
        tasks.get("multilabel", ["a"], overlap=True)


def test_classification_is_as_it_was() -> None:
    task = Classification(("yes", "no"))
    assert task.encode(["no", "yes"]).tolist() == [1, 0]
    with pytest.raises(LabelError, match="one label name"):
        task.validate(["no"])
    assert task.knows("no")
    assert not task.knows("maybe")
