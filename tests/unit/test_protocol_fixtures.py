"""The examples of messages that both languages read are complete, and are what Python says and understands."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from alwidget.widget import protocol as p
from alwidget.widget import wire

FOLDER = Path(__file__).parents[1] / "fixtures" / "protocol"
FROM_PAGE = sorted(FOLDER.glob("from_page-*.json"))
TO_PAGE = sorted(FOLDER.glob("to_page-*.json"))
DATA = {
    "history": p.HistoryPage,
    "item": p.Item,
    "items": list[p.Item],
    "guidelines": p.Guidelines,
    "model": p.ModelInfo,
    "problems": p.Problems,
}


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", FROM_PAGE, ids=name)
def test_what_a_page_says_is_understood_whole(path):
    content = read(path)
    assert msgspec.to_builtins(wire.from_page(content)) == content


@pytest.mark.parametrize("path", TO_PAGE, ids=name)
def test_what_a_kernel_says_survives_the_way(path):
    content = read(path)
    message = msgspec.convert(content, p.ToPage)
    assert wire.to_page(message) == content, "every field is on the wire"


@pytest.mark.parametrize("path", [path for path in TO_PAGE if "reply" in path.stem], ids=name)
def test_replies_have_the_form_that_their_request_names(path):
    content = read(path)
    data = msgspec.convert(content["data"], DATA[content["what"]])
    assert msgspec.to_builtins(data) == content["data"]


def test_no_message_and_no_choice_is_without_an_example():
    messages = [read(path) for path in (*FROM_PAGE, *TO_PAGE)]
    kinds = {struct.__struct_config__.tag for struct in (*p.FromPage.__args__, *p.ToPage.__args__)}
    assert {message["kind"] for message in messages} == kinds
    assert {m["action"] for m in messages if m["kind"] == "decide"} == set(p.Action.__args__)
    assert {m["what"] for m in messages if m["kind"] == "request"} == set(DATA)
    assert {m["what"] for m in messages if m["kind"] == "reply"} == set(DATA)
    assert {m["name"] for m in messages if m["kind"] == "set"} == {"strategy", "paused", "batch_size", "train"}
    assert {m["retry"] for m in messages if m["kind"] == "reject"} == {True, False}


def test_no_field_is_called_id():
    """ipykernel 7.4 keeps the ``id`` of custom messages for ever."""
    for struct in (*p.FromPage.__args__, *p.ToPage.__args__):
        assert "id" not in struct.__struct_fields__
