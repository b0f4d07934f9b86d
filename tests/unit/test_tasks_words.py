"""Words: the boundaries of UAX #29 on what people write, and what holds for any text at all."""

from __future__ import annotations

import itertools
from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from alwidget.tasks.words import character_spans, word_spans


def words(text):
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\r\n\u2003\x1c", []),
        ("The quick (“brown”) fox can’t jump 32.3 feet, right?",
         ["The", "quick", "(", "“", "brown", "”", ")", "fox", "can’t", "jump", "32.3", "feet", ",", "right", "?"]),
        ("3.14 1,000 1,000.5 -2 5% a1 1a", ["3.14", "1,000", "1,000.5", "-", "2", "5", "%", "a1", "1a"]),
        ("don't o'clock 'apple' 1'a l'a", ["don't", "o'clock", "'", "apple", "'", "1", "'", "a", "l'a"]),
        ("U.S.A. e.g. x_y foo-bar", ["U.S.A", ".", "e.g", ".", "x_y", "foo", "-", "bar"]),
        ("me@x.org/a?b=1", ["me", "@", "x.org", "/", "a", "?", "b", "=", "1"]),
        ("a\r\nb\tc", ["a", "b", "c"]),
        ("👩‍👩‍👧‍👦👍🏽 👩🏽‍🚀!", ["👩‍👩‍👧‍👦", "👍🏽", "👩🏽‍🚀", "!"]),
        ("❤️‍🔥1️⃣#️⃣", ["❤️‍🔥", "1️⃣", "#️⃣"]),
        ("🇩🇪🇫🇷🇩 🇩x", ["🇩🇪", "🇫🇷", "🇩", "🇩", "x"]),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿x", ["🏴󠁧󠁢󠁳󠁣󠁴󠁿", "x"]),
        ("e\u0301te\u0301 x\u0301\u0302y", ["e\u0301te\u0301", "x\u0301\u0302y"]),
        ("x \u0301y", ["x", " \u0301", "y"]),
        ("ภาษาน้ำ", ["ภ", "า", "ษ", "า", "น้ำ"]),
        ("한국어 문장. \u1112\u1161\u11ab", ["한국어", "문장", ".", "\u1112\u1161\u11ab"]),
        ("カタカナ・ｶﾞｷﾞ ひら 漢字", ["カタカナ", "・", "ｶﾞｷﾞ", "ひ", "ら", "漢", "字"]),
        ('צה"ל ג\'ירפה ג\' "א"', ['צה"ל', "ג'ירפה", "ג'", '"', "א", '"']),
        ("नमस्ते क्षत्रिय", ["नमस्ते", "क्षत्रिय"]),
        ("مرحبا، ١٢٣٫٤", ["مرحبا", "،", "١٢٣٫٤"]),
        ("\u0600 5", ["\u0600 ", "5"]),
        ("a\u200db a\u00adb \u200bz", ["a\u200db", "a\u00adb", "\u200b", "z"]),
        ("＿ＡＢＣ１２３＿カ", ["＿ＡＢＣ１２３＿カ"]),
        ("\ud83d x", ["\ud83d", "x"]),
    ],
)  # fmt: skip
def test_boundaries(text, expected):
    assert words(text) == expected


def test_offsets_are_code_points_in_int32():
    found = word_spans("👩‍🚀 Ada")
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 3], [4, 7]]
    assert word_spans("").shape == (0, 2)


ODD = st.text(
    alphabet="aZ1,.'\":;_ \t\r\n\u00ad\u200d\u0301\u0308🇩🇪👩👧🏽❤\ufe0f漢かカﾞ한각א׳น้ำ\u0600नक्ष\u2028\ufeff\u200b-٣\u094d\ud83d"
)


@given(st.one_of(st.text(), ODD))
def test_characters_are_whole_and_every_word_is_made_of_them(text):
    characters = character_spans(text).tolist()
    covered = {at for start, end in characters for at in range(start, end)}
    assert {at for at, letter in enumerate(text) if not letter.isspace()} <= covered
    edges = {edge for pair in characters for edge in pair}
    assert all(start in edges and end in edges for start, end in word_spans(text).tolist())
    assert all(a < b for a, b in characters)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(characters))


@given(st.one_of(st.text(), ODD))
@example("🇩" * 200 + "\u0301" + "🇩" * 200)
def test_any_text(text):
    found = word_spans(text)
    flat = found.ravel().tolist()
    assert all(start < end for start, end in found.tolist())
    assert all(a[1] <= b[0] for a, b in pairwise(found.tolist()))
    covered = np.zeros(len(text), dtype=bool)
    for start, end in found:
        assert not text[start:end].isspace()
        covered[start:end] = True
    assert all(covered[i] or c.isspace() for i, c in enumerate(text))
    ends = {0, *(m.end() for m in regex.finditer(r"\X", text))}
    assert ends.issuperset(flat)


def test_a_long_text_is_no_other_than_its_pieces():
    piece = "The fox can't pay 3.14 漢字 🇩🇪🇫🇷 e\u0301. "
    assert words(piece * 50) == words(piece) * 50
    assert words("🇩🇪" * 50_000) == ["🇩🇪"] * 50_000
