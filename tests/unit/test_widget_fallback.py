"""The static table shows what is there, as it was typed, and nothing in it can run or ask for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.widget import fallback
from alwidget.widget.protocol import Counts

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table><iframe src=//evil.example></iframe>",
    "<!-- <style>*{display:none}</style>",
    "&lt;b&gt; &amp; &#60;script&#62;",
    "javascript:alert(1)",
    "\u202e reversed \u0000 null \ud800 half",
]


class Page(HTMLParser):
    """Collects the elements, their attributes and the text of a page, as a browser would see them."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "well-formed"

    def handle_data(self, data):
        self.text += data
        if "td" in self.open:
            self.cells[-1] += data


def facts(*records, **options):
    counts = Counts(total=1200, labelled=1000, skipped=3, flagged=1, remaining=196, saved=1004, decisions=1004)
    return {"name": "news", "path": "news.alw", "counts": counts, "key": "label", "records": list(records)} | options


def record(**fields):
    return {"id": "a", "text": "a text", "label": "Sports", "status": "labelled", "annotator": "ana"} | fields


def test_counts_rows_and_how_to_go_on():
    page = Page(fallback.static_html(facts(record(updated="2026-01-05T10:11:12.345Z", note="clear"))))
    assert "1,000 of 1,200 labelled, 3 skipped, 1 flagged" in page.text
    assert "alw.open('news.alw')" in page.text
    assert "alw.annotate(…, path='news.alw')" in page.text
    assert page.cells == ["a text", "Sports", "clear", "ana", "2026-01-05 10:11"]
    text = fallback.static_text(facts())
    assert "1,000 of 1,200 labelled" in text
    assert "alw.open('news.alw')" in text


def test_no_more_than_twenty_rows_and_a_word_on_the_rest():
    page = Page(fallback.static_html(facts(*(record(text=f"text {i}") for i in range(50)))))
    assert page.cells[::5] == [f"text {i}" for i in range(20)]
    assert "The newest 20 of 1,004" in page.text


def test_a_closed_session_says_so():
    for shown in (
        fallback.static_html(facts(), closed="Opened again elsewhere."),
        fallback.static_text(facts(), closed="Opened again elsewhere."),
    ):
        assert "Opened again elsewhere." in shown


def test_an_empty_session_has_no_table():
    page = Page(fallback.static_html(facts()))
    assert "table" not in page.elements


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Sports", "Sports"),
        (["World", "Sports"], "World, Sports"),
        ([], "none"),
        ([{"start": 0, "end": 5, "label": "PER", "text": "Ada L"}], "PER: Ada L"),
        ({"grade": 3}, '{"grade": 3}'),
        (None, "skipped"),
        ("x" * 1000, "x" * 200 + "…"),
    ],
)
def test_answers_of_every_task(value, shown):
    page = Page(fallback.static_html(facts(record(label=value, status="skipped"))))
    assert page.cells[1] == shown


def check_harmless(html: str) -> Page:
    page = Page(html)
    assert set(page.elements) <= {"div", "p", "strong", "bdi", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert {name for name, _ in page.attributes} <= {"style", "dir", "scope"}
    for _, value in page.attributes:
        assert re.fullmatch(r"[a-zA-Z0-9 :;.,%()-]*", value), "only our own styles"
        assert "url" not in value
    html.encode("utf-8")
    return page


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_texts_are_shown_as_typed(evil):
    hostile = record(text=evil, label=evil, note=evil, annotator=evil, updated=evil[:16])
    page = check_harmless(fallback.static_html(facts(hostile, name=evil, path=evil, key="label"), closed=evil))
    shown = evil.encode("utf-8", "replace").decode()
    assert page.cells[0] == page.cells[1] == page.cells[2] == page.cells[3] == shown
    assert fallback.static_text(facts(hostile, name=evil, path=evil), closed=evil)


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_is_harmless(text):
    spans = [{"start": 0, "end": 1, "label": text, "text": text}]
    page = check_harmless(
        fallback.static_html(facts(record(text=text, label=spans, note=text), name=text, path=text), closed=text)
    )
    assert len(page.cells) == 5


def test_a_path_can_be_pasted():
    path = 'C:\\data\\it\'s "news".alw'
    text = fallback.static_text(facts(path=path))
    call = re.search(r"alw\.open\((.*?)\)\.", text).group(1)
    assert eval(call) == path
