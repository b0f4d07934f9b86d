"""Messages become plain JSON and come back; snapshots keep within their bounds."""

from __future__ import annotations

import contextlib
import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.widget import protocol as p
from alwidget.widget import wire
from widget_host import ListHost

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_anything_is_read_or_refused_in_one_way(content):
    with contextlib.suppress(msgspec.ValidationError):
        wire.from_page(content)


@given(json_values)
def test_values_travel_unchanged(value):
    decide = {"kind": "decide", "view": "v", "seq": 1, "client": "c", "action": "annotate", "value": value}
    assert msgspec.to_builtins(wire.from_page(decide))["value"] == value
    reply = p.Reply(view="v", seq=1, what="item", data=value)
    content = wire.to_page(reply)
    assert content["data"] == value
    json.dumps(content, allow_nan=False).encode("utf-8")


@given(st.text(st.characters(codec=None), max_size=30))
def test_half_characters_never_reach_the_host_nor_the_page(text):
    decide = {"kind": "decide", "view": "v", "seq": 1, "client": "c", "action": "note", "note": text}
    note = wire.from_page(decide).note
    note.encode("utf-8")
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert note == whole
    sent = wire.to_page(p.Notice(level="info", text=text))["text"]
    assert sent == whole


def test_what_is_not_json_is_refused():
    with pytest.raises(msgspec.ValidationError, match="Not JSON"):
        wire.from_page({"kind": "hello", "view": {1, 2}.__iter__()})
    loop: list = []
    loop.append(loop)
    with pytest.raises(msgspec.ValidationError):
        wire.from_page(loop)
    with pytest.raises(TypeError, match="cannot hold a object"):
        wire.to_page(p.Reply(view="v", seq=1, what="item", data=object()))


def test_numbers_of_numpy_and_no_numbers():
    data = {"a": np.float32(0.5), "b": np.int64(3), "c": np.array([1.0, math.nan]), "d": math.inf}
    content = wire.to_page(p.Reply(view="v", seq=1, what="model", data=data))
    assert content["data"] == {"a": 0.5, "b": 3, "c": [1.0, None], "d": None}


def size(snapshot: p.Snapshot) -> int:
    return len(msgspec.json.encode(snapshot))


@given(
    texts=st.lists(st.integers(0, 3000), min_size=1, max_size=20),
    said=st.integers(0, 20),
    limit=st.integers(1000, 20_000),
)
def test_a_snapshot_keeps_its_bound_and_its_first_card(texts, said, limit):
    host = ListHost(["x" * n for n in texts])
    snapshot = host.snapshot()
    snapshot.history = [
        p.HistoryEntry(client=f"c{i}", item="d0", action="skip", excerpt="y" * 100) for i in range(said)
    ]
    fitted = wire.fit(snapshot, limit)

    kept = len(fitted.queue)
    assert fitted.queue == snapshot.queue[:kept], "the next ones, in order"
    assert kept >= 1
    assert size(fitted) <= limit or (kept == 1 and size(msgspec.structs.replace(fitted, queue=[])) <= limit)
    if kept < len(snapshot.queue):
        more = msgspec.structs.replace(fitted, queue=snapshot.queue[: kept + 1])
        assert size(more) + kept + said + 2 > limit, "nothing is left out without need"
    assert size(snapshot) > limit or fitted == snapshot or size(snapshot) + kept + said + 2 > limit


def test_a_huge_document_comes_alone():
    host = ListHost(["word " * 40_000, "short", "short"])
    fitted = wire.fit(host.snapshot(), 256_000)
    assert [len(item.text) for item in fitted.queue] == [200_000, 5, 5]
    host = ListHost(["\u00e9" * 200_000, "short"])
    fitted = wire.fit(host.snapshot(), 256_000)
    assert [len(item.text) for item in fitted.queue] == [200_000], "400 kB of UTF-8 pass, but alone"
