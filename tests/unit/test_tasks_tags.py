"""Tags and spans: there and back in every scheme, one rule for what is not well formed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import ArgumentError, LabelError
from alwidget.tasks.tags import SCHEMES, decode_tags, detect_scheme, encode_spans, spans_of, tag_names, to_tags
from alwidget.tasks.words import word_spans

CLASSES = ("PER", "ORG-x", "地名")


def words_of(n):
    """Return n words of two letters with a blank after each."""
    return np.array([[3 * i, 3 * i + 2] for i in range(n)], dtype=np.int32).reshape(-1, 2)


@st.composite
def entities(draw):
    """Return a number of words and entities on them that share no word."""
    cuts = draw(st.lists(st.integers(1, 4), max_size=12))
    out, at = [], 0
    for size in cuts:
        label = draw(st.sampled_from((*CLASSES, None)))
        if label is not None:
            out.append((at, at + size, label))
        at += size
    return at, out


def values(found, words):
    return [{"start": int(words[a, 0]), "end": int(words[b - 1, 1]), "label": c} for a, b, c in found]


@given(entities())
def test_every_scheme_gives_back_what_was_written(case):
    n, found = case
    words = words_of(n)
    for scheme in (*SCHEMES, "BILUO"):
        tags = to_tags(values(found, words), words, scheme)
        assert len(tags) == n
        assert spans_of(tags, scheme) == spans_of(tags) == found
        assert {tag[0] for tag in tags} <= set(SCHEMES["BILOU" if scheme == "BILUO" else scheme])


@given(entities())
def test_ids_are_there_and_back(case):
    n, found = case
    words = words_of(n)
    spans = [[v["start"], v["end"], CLASSES.index(v["label"])] for v in values(found, words)]
    ids = encode_spans(np.array(spans, dtype=np.int32).reshape(-1, 3), words)
    assert ids.dtype == np.int64
    assert decode_tags(ids, words).tolist() == spans
    assert [tag_names(CLASSES)[i] for i in ids] == to_tags(values(found, words), words)


@given(st.lists(st.integers(0, 6), max_size=15))
def test_ids_are_read_by_the_rule_for_tags(ids):
    words = words_of(len(ids))
    found = spans_of([tag_names(CLASSES)[i] for i in ids])
    decoded = decode_tags(np.array(ids, dtype=np.int64), words)
    assert decoded.dtype == np.int32
    assert decoded.tolist() == [[v["start"], v["end"], CLASSES.index(v["label"])] for v in values(found, words)]


@given(st.lists(entities(), min_size=1, max_size=4))
def test_the_scheme_is_seen_where_it_shows(cases):
    for scheme in SCHEMES:
        sequences = [to_tags(values(found, words_of(n)), words_of(n), scheme) for n, found in cases]
        used = {tag[0] for tags in sequences for tag in tags}
        seen = detect_scheme(sequences)
        if scheme in {"BILOU", "BIOES"} and not used & set("LUES"):
            assert seen == "IOB2"  # nothing but O
        elif scheme == "IOB1" and "I" not in used:
            assert seen == "IOB2"
        else:
            assert seen == scheme


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["I-A", "I-A"], [(0, 2, "A")]),
        (["O", "I-A", "I-B", "O"], [(1, 2, "A"), (2, 3, "B")]),
        (["B-A", "I-B"], [(0, 1, "A"), (1, 2, "B")]),
        (["B-A", "B-A"], [(0, 1, "A"), (1, 2, "A")]),
        (["S-A", "I-A"], [(0, 1, "A"), (1, 2, "A")]),
        (["B-A", "L-A", "I-A"], [(0, 2, "A"), (2, 3, "A")]),
        (["E-A", "E-A"], [(0, 1, "A"), (1, 2, "A")]),
        (["B-A", "E-B"], [(0, 1, "A"), (1, 2, "B")]),
        (["I-A", "U-A", "I-A"], [(0, 1, "A"), (1, 2, "A"), (2, 3, "A")]),
        ([], []),
    ],
)
def test_what_is_not_well_formed(tags, expected):
    assert spans_of(tags) == expected


def test_seqeval_reads_them_alike():
    from seqeval.metrics.sequence_labeling import get_entities

    rng = np.random.default_rng(0)
    tags = ["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in ("A", "B-x"))]
    for _ in range(2000):
        sequence = rng.choice(tags, rng.integers(1, 8)).tolist()
        theirs = [(start, end + 1, label) for label, start, end in get_entities(sequence)]
        assert spans_of(sequence) == theirs


@pytest.mark.parametrize("tag", ["PER", "B", "B-", "X-PER", "", None, 3, "o"])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(LabelError, match="is no tag"):
        spans_of(["O", tag])
    with pytest.raises(LabelError, match="is no tag"):
        detect_scheme([["O", tag]])


def test_foreign_prefixes_are_refused():
    with pytest.raises(LabelError, match=r'Tag 1, "E-A", is not of the scheme IOB2'):
        spans_of(["B-A", "E-A"], "IOB2")
    with pytest.raises(LabelError, match="mix the prefixes"):
        detect_scheme([["U-A"], ["S-A"]])
    with pytest.raises(ArgumentError, match="no tagging scheme"):
        to_tags([], words_of(1), "IOB3")


def test_a_word_that_is_touched_is_in_the_span():
    words = word_spans("Ada Lovelace wrote")
    assert encode_spans(np.array([[2, 5, 0]]), words).tolist() == [1, 2, 0]
    assert encode_spans(np.array([[3, 4, 0]]), words).tolist() == [0, 0, 0]
    assert encode_spans(np.array([[5, 5, 0]]), words).tolist() == [0, 0, 0]
    assert encode_spans(np.array([[0, 99, 1]]), words).tolist() == [3, 4, 4]


def test_of_overlapping_spans_the_longer_then_the_earlier():
    words = words_of(4)
    inner, outer = [3, 5, 0], [0, 8, 1]
    assert encode_spans(np.array([inner, outer]), words).tolist() == [3, 4, 4, 0]
    left, right = [0, 5, 0], [3, 8, 1]
    assert encode_spans(np.array([right, left]), words).tolist() == [1, 2, 0, 0]
    tags = to_tags([dict(zip(("start", "end", "label"), s, strict=True)) for s in ([3, 8, "R"], [0, 5, "L"])], words)
    assert tags == ["B-L", "I-L", "O", "O"]


def test_documents_without_words():
    none = words_of(0)
    assert encode_spans(np.array([[0, 1, 0]]), none).shape == (0,)
    assert decode_tags(np.array([], dtype=np.int64), none).shape == (0, 3)
    assert to_tags([{"start": 0, "end": 1, "label": "A"}], none) == []
