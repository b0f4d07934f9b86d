"""Every message is answered, whatever is in it, whoever sends it, on whichever thread."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alwidget import errors
from alwidget.widget import protocol as p
from alwidget.widget.handler import Handler
from widget_host import ListHost

JUNK = json.loads((Path(__file__).parents[1] / "fixtures" / "protocol" / "junk.json").read_text(encoding="utf-8"))
SESSION = "5e551071-0000-4000-8000-000000000000"


class Desk:
    """A handler with what it posted."""

    def __init__(self, host=None, **options):
        self.host = host or ListHost()
        self.posted: list[p.ToPage] = []
        self.handler = Handler(self.host, self.posted.append, session=SESSION, **options)

    def __call__(self, **content) -> p.ToPage:
        before = len(self.posted)
        self.handler(content)
        assert len(self.posted) == before + 1, "one answer to one message"
        return self.posted[-1]

    def hello(self, **content):
        return self(**{"kind": "hello", "view": "v", "seq": 1, "protocol": p.PROTOCOL_VERSION} | content)

    def decide(self, **content):
        default = {"kind": "decide", "view": "v", "seq": 2, "client": "c", "action": "annotate", "item": "d0"}
        return self(**default | {"value": "pos"} | content)


@pytest.fixture
def desk():
    return Desk()


def test_hello_gets_a_snapshot_for_that_view_alone(desk):
    answer = desk.hello(view="mine", seq=7)
    assert isinstance(answer, p.Snapshot)
    assert (answer.view, answer.seq) == ("mine", 7)
    assert [item.item for item in answer.queue] == ["d0", "d1", "d2"]
    assert desk.host.touched == 1


def test_the_greeting_comes_before_the_snapshot():
    order = []
    host = ListHost()
    handler = Handler(
        host, lambda message: order.append(type(message).__name__), greeted=lambda: order.append("greeted")
    )
    handler({"kind": "hello", "view": "v", "seq": 1, "protocol": p.PROTOCOL_VERSION})
    assert order == ["greeted", "Snapshot"]


def test_a_decision_is_acknowledged_to_the_view_that_made_it(desk):
    answer = desk.decide(view="mine", seq=12, client="abc")
    assert isinstance(answer, p.Ack)
    assert (answer.view, answer.seq, answer.client, answer.repeated) == ("mine", 12, "abc", False)
    assert answer.counts.labelled == 1
    assert [(d.item, d.value) for d in desk.host.decisions] == [("d0", "pos")]


def test_a_decision_sent_again_is_acknowledged_again_and_made_once(desk):
    desk.decide(seq=2)
    answer = desk.decide(seq=9)
    assert (answer.seq, answer.repeated) == (9, True)
    assert len(desk.host.decisions) == 1


def test_a_final_refusal_says_why(desk):
    answer = desk.decide(value="sprots")
    assert isinstance(answer, p.Reject)
    assert (answer.retry, answer.client) == (False, "c")
    assert answer.reason == '"sprots" is not one of the labels.'
    assert desk.decide(item="d99").reason == 'No document has the id "d99".'
    assert desk.host.decisions == []


def test_what_could_not_be_saved_is_to_be_sent_again_and_then_counts_once(desk):
    desk.host.full = True
    answer = desk.decide()
    assert (answer.retry, answer.client) == (True, "c")
    assert "disk is full" in answer.reason
    desk.host.full = False
    assert isinstance(desk.decide(), p.Ack)
    assert len(desk.host.decisions) == 1


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (errors.LabelError("x"), False),
        (errors.UnknownDocumentError("x"), False),
        (errors.ArgumentError("x"), False),
        (errors.SessionError("x"), False),
        (errors.StorageError("x"), True),
        (errors.SessionClosedError("x"), True),
        (errors.LogError("x"), True),
        (errors.Cancelled("x"), True),
        (ZeroDivisionError("x"), True),
        (OSError("x"), True),
        (RecursionError("x"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_decision_is_dropped_only_for_what_is_wrong_with_it(desk, monkeypatch, error, retry):
    def fail(_message):
        raise error

    monkeypatch.setattr(desk.host, "decide", fail)
    answer = desk.decide()
    assert isinstance(answer, p.Reject)
    assert answer.retry is retry
    assert "x" in answer.reason


def test_the_unexpected_is_logged_with_the_session_and_told(desk, caplog):
    answer = desk(kind="request", view="v", seq=3, what="guidelines", params={})
    assert isinstance(answer, p.Reject)
    assert (answer.seq, answer.retry) == (3, False)
    assert SESSION in answer.reason
    assert "RuntimeError: guidelines" in answer.reason
    assert SESSION in caplog.text
    assert "Traceback" in caplog.text


def test_requests_reach_the_host_checked_and_complete(desk):
    for i in range(3):
        desk.decide(client=f"c{i}", item=f"d{i}")
    answer = desk(kind="request", view="v", seq=3, what="history", params={"limit": 2, "label": "pos"})
    assert isinstance(answer, p.Reply)
    assert (answer.view, answer.seq, answer.what) == ("v", 3, "history")
    assert ([entry.client for entry in answer.data.entries], answer.data.more) == (["c2", "c1"], True)
    assert desk.host.requests[-1].params == {"query": "", "offset": 0, "limit": 2, "label": "pos"}


def test_options_are_set_and_acknowledged(desk):
    answer = desk(kind="set", view="v", seq=4, name="batch_size", value=10)
    assert isinstance(answer, p.Ack)
    assert (answer.view, answer.seq, answer.client) == ("v", 4, None)
    assert desk.host.options["batch_size"] == 10


@pytest.mark.parametrize("protocol", [0, 2, "1", None], ids=str)
def test_a_page_of_another_version_is_told_to_run_the_cell_again(protocol):
    greetings = []
    desk = Desk(greeted=lambda: greetings.append(1))
    hello = {"kind": "hello", "view": "old", "seq": 1, "protocol": protocol}
    desk.handler(hello)
    desk.handler(hello | {"seq": 2})
    notices = [message for message in desk.posted if isinstance(message, p.Notice)]
    assert len(notices) == 1, "once a view"
    assert notices[0].level == "error"
    assert "Run the cell again" in notices[0].text
    assert [m.seq for m in desk.posted if isinstance(m, p.Reject)] == [1, 2]
    assert greetings, "else the sender would drop the notice"
    assert isinstance(desk.decide(), p.Ack), "what an old page said still counts"


@pytest.mark.parametrize("case", JUNK, ids=lambda case: case["why"])
def test_junk_is_answered_and_changes_nothing(case, caplog):
    desk = Desk()
    with caplog.at_level(logging.CRITICAL):
        desk.handler(case["message"])
    (answer,) = desk.posted
    message = case["message"] if isinstance(case["message"], dict) else {}
    if isinstance(message.get("view"), str) and isinstance(message.get("seq"), int):
        assert isinstance(answer, p.Reject)
        assert (answer.view, answer.seq, answer.retry) == (message["view"], message["seq"], False)
        assert answer.client == (message.get("client") if isinstance(message.get("client"), str) else None)
        assert "cannot read" in answer.reason
    else:
        assert isinstance(answer, p.Notice)
    assert desk.host.decisions == []
    assert desk.host.requests == []
    assert desk.host.options == ListHost().options


def test_the_commands_of_anywidget_are_not_ours(desk):
    desk.handler({"kind": "anywidget-command", "id": "1", "name": "x", "msg": {}})
    assert desk.posted == []


def test_nothing_is_raised_even_when_no_answer_can_be_given(caplog):
    def broken(_message):
        reason = "the comm is gone"
        raise ConnectionError(reason)

    handler = Handler(ListHost(), broken, session=SESSION)
    handler({"kind": "hello", "view": "v", "seq": 1, "protocol": p.PROTOCOL_VERSION})
    handler("junk")
    assert "the comm is gone" in caplog.text


def test_an_answer_that_is_not_json_becomes_a_reject():
    from alwidget.widget import wire

    host, posted = ListHost(), []
    handler = Handler(host, lambda message: posted.append(wire.to_page(message)))
    host.request = lambda _message: object()
    handler({"kind": "request", "view": "v", "seq": 3, "what": "guidelines", "params": {}})
    assert [(content["kind"], content["seq"]) for content in posted] == [("reject", 3)]


def test_many_views_at_once_each_get_their_answers_and_every_decision_counts_once():
    views, each = 12, 40
    host = ListHost([f"text {i}" for i in range(views * each)])
    posted: list[p.ToPage] = []
    handler = Handler(host, posted.append)
    gate = threading.Barrier(views)

    def page(view: int) -> None:
        gate.wait()
        handler({"kind": "hello", "view": f"v{view}", "seq": 0, "protocol": p.PROTOCOL_VERSION})
        for i in range(each):
            doc = view * each + i
            said = {"kind": "decide", "view": f"v{view}", "seq": i + 1, "client": f"c{doc}", "action": "annotate"}
            said |= {"item": f"d{doc}", "value": "neg"}
            handler(said)
            if i % 5 == 0:
                handler(said)
                handler(["junk"])

    with ThreadPoolExecutor(views) as pool:
        list(pool.map(page, range(views)))

    assert len(host.decisions) == views * each
    assert len({decision.client for decision in host.decisions}) == views * each
    for view in range(views):
        mine = [message for message in posted if getattr(message, "view", None) == f"v{view}"]
        assert isinstance(mine[0], p.Snapshot)
        acks = [message for message in mine if isinstance(message, p.Ack)]
        assert {ack.seq for ack in acks} == set(range(1, each + 1))
        assert sum(ack.repeated for ack in acks) == each / 5
    assert host.counts().labelled == views * each
