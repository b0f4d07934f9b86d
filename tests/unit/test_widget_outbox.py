"""The one sender keeps the order, leaves out what is stale, and outlives whatever a send raises."""

from __future__ import annotations

import contextvars
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from alwidget.widget import protocol as p
from alwidget.widget.outbox import Outbox
from widget_host import ListHost

WAIT = 30.0
"""Seconds until a test gives up; none of them waits for time to pass."""


@pytest.fixture
def host():
    return ListHost()


@pytest.fixture
def post_office():
    """Return a maker of outboxes, all of which are stopped afterwards."""
    made = []

    def make(send=None, **options):
        sent = []
        outbox = Outbox(send or sent.append, **options)
        outbox.hello()
        made.append(outbox)
        return outbox, sent

    yield make
    for outbox in made:
        outbox.stop(WAIT)


def held(outbox) -> threading.Event:
    """Hold the sender until the event is set, so that what is posted meanwhile is taken as one batch."""
    busy, go = threading.Event(), threading.Event()

    def wait() -> None:
        busy.set()
        go.wait(WAIT)

    threading.Thread(target=outbox.call, args=(wait, WAIT), daemon=True).start()
    assert busy.wait(WAIT)
    return go


def test_messages_arrive_in_order_from_one_thread_that_is_not_the_posters(post_office):
    threads = set()
    sent = []

    def send(content):
        threads.add(threading.current_thread().name)
        sent.append(content["text"])

    outbox, _ = post_office(send)
    for i in range(500):
        outbox.post(p.Notice(level="info", text=str(i)))
    assert outbox.flush(WAIT)
    assert sent == [str(i) for i in range(500)]
    assert threads == {"alwidget-sender"}


def test_every_poster_keeps_its_own_order(post_office):
    outbox, sent = post_office()

    def poster(name):
        for i in range(200):
            outbox.post(p.Notice(level="info", text=f"{name} {i}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(poster, range(8)))
    assert outbox.flush(WAIT)
    assert len(sent) == 1600
    for name in range(8):
        mine = [content["text"] for content in sent if content["text"].startswith(f"{name} ")]
        assert mine == [f"{name} {i}" for i in range(200)]


def test_only_the_newest_queue_and_status_of_a_batch_are_sent(post_office, host):
    outbox, sent = post_office()
    go = held(outbox)
    outbox.post(host.queue("d0"))
    outbox.post(host.working("one"))
    outbox.post(host.ack())
    outbox.post(host.queue("d1"))
    outbox.post(host.ack())
    outbox.post(host.working("two"))
    outbox.post(p.Notice(level="info", text="read me"))
    outbox.post(host.queue("d2"))
    go.set()
    assert outbox.flush(WAIT)
    assert [content["kind"] for content in sent] == ["ack", "ack", "status", "notice", "queue"]
    assert sent[2]["status"]["message"] == "two"
    assert [item["item"] for item in sent[4]["items"]] == ["d2"]


def test_answers_are_never_left_out(post_office, host):
    outbox, sent = post_office()
    go = held(outbox)
    for seq in range(50):
        outbox.post(p.Ack(view="v", seq=seq, revision=seq, counts=host.counts()))
        outbox.post(p.Reject(view="v", seq=seq, reason="", retry=True))
        outbox.post(p.Reply(view="v", seq=seq, what="item", data=None))
    go.set()
    assert outbox.flush(WAIT)
    assert [(content["kind"], content["seq"]) for content in sent] == [
        (kind, seq) for seq in range(50) for kind in ("ack", "reject", "reply")
    ]


def test_a_snapshot_that_was_overtaken_is_made_anew(post_office, host):
    def fresh(old):
        snapshot = host.snapshot()
        snapshot.view, snapshot.seq = old.view, old.seq
        return snapshot

    outbox, sent = post_office(refresh=fresh)
    old = host.snapshot()
    old.view, old.seq = "v", 5
    newer = host.ack()
    outbox.post(newer)
    outbox.post(old)
    assert outbox.flush(WAIT)
    assert [content["kind"] for content in sent] == ["ack", "snapshot"]
    assert sent[1]["revision"] > newer.revision > old.revision
    assert (sent[1]["view"], sent[1]["seq"]) == ("v", 5)


def test_a_snapshot_in_its_turn_is_sent_as_it_is(post_office, host):
    def never(_snapshot):
        pytest.fail("nothing overtook it")

    outbox, sent = post_office(refresh=never)
    ack, snapshot = host.ack(), host.snapshot()
    outbox.post(ack)
    outbox.post(snapshot)
    assert outbox.flush(WAIT)
    assert sent[1]["revision"] == snapshot.revision


def test_a_send_that_fails_is_logged_once_and_the_next_one_arrives(post_office, caplog):
    sent = []

    def send(content):
        number = int(content["text"])
        if number % 2:
            error = LookupError if number % 4 == 3 else ValueError
            raise error(number)
        sent.append(number)

    outbox, _ = post_office(send)
    with caplog.at_level(logging.WARNING):
        for i in range(100):
            outbox.post(p.Notice(level="info", text=str(i)))
        assert outbox.flush(WAIT)
    assert sent == list(range(0, 100, 2))
    assert len(caplog.records) == 2, "one of each kind"


def test_not_even_an_exit_ends_the_sender(post_office):
    sent = []

    def send(content):
        if content["text"] == "fatal":
            raise SystemExit
        sent.append(content["text"])

    outbox, _ = post_office(send)
    outbox.post(p.Notice(level="info", text="fatal"))
    outbox.post(p.Notice(level="info", text="after"))
    assert outbox.flush(WAIT)
    assert sent == ["after"]


def test_before_the_first_hello_nothing_is_sent_but_progress_is_written(host):
    sent, written = [], []
    outbox = Outbox(sent.append, set_progress=written.append)
    outbox.post(host.ack())
    outbox.progress({"labelled": 1})
    assert outbox.flush(WAIT)
    assert (sent, written) == ([], [{"labelled": 1}])
    outbox.hello()
    outbox.post(host.ack())
    assert outbox.flush(WAIT)
    assert [content["kind"] for content in sent] == ["ack"]
    outbox.stop(WAIT)


def test_progress_waits_for_its_time_and_the_last_value_wins(post_office):
    written = []
    outbox, _ = post_office(set_progress=written.append, progress_every=3600)
    outbox.progress({"labelled": 0})
    while not written:
        outbox.call(lambda: None, WAIT)
    for i in range(1, 100):
        outbox.progress({"labelled": i})
        outbox.call(lambda: None, WAIT)
    assert written == [{"labelled": 0}], "an hour has not passed"
    outbox.stop(WAIT)
    assert written == [{"labelled": 0}, {"labelled": 99}], "the end is not kept back"


def test_progress_is_written_when_its_time_has_come_without_another_message(post_office):
    done = threading.Event()
    written = []

    def write(value):
        written.append(value["labelled"])
        if value["labelled"] == 2:
            done.set()

    outbox, _ = post_office(set_progress=write, progress_every=0.05)
    outbox.progress({"labelled": 1})
    outbox.call(lambda: None, WAIT)
    outbox.progress({"labelled": 2})
    assert done.wait(WAIT)


def test_messages_go_before_the_progress(post_office, host):
    order = []
    outbox, _ = post_office(
        lambda content: order.append(content["kind"]), set_progress=lambda _value: order.append("progress")
    )
    go = held(outbox)
    outbox.progress({"labelled": 1})
    outbox.post(host.ack())
    outbox.post(host.ack())
    go.set()
    assert outbox.flush(WAIT)
    assert order == ["ack", "ack", "progress"]


def test_an_observer_that_fails_does_not_end_the_sender(post_office, host):
    def fail(_value):
        reason = "the user's own code"
        raise KeyError(reason)

    outbox, sent = post_office(set_progress=fail, progress_every=0)
    outbox.progress({"labelled": 1})
    assert outbox.flush(WAIT)
    outbox.post(host.ack())
    assert outbox.flush(WAIT)
    assert len(sent) == 1


def test_sends_happen_in_the_context_of_the_newest_hello(post_office):
    shell = contextvars.ContextVar("shell", default="main")
    seen = []
    outbox, _ = post_office(lambda _content: seen.append(shell.get()))

    def handle_hello(name):
        shell.set(name)
        outbox.hello()

    def post():
        outbox.post(p.Notice(level="info", text=""))
        assert outbox.flush(WAIT)

    post()
    for name in ("subshell-1", "subshell-2"):
        contextvars.copy_context().run(handle_hello, name)
        post()
        post()
    assert seen == ["main", "subshell-1", "subshell-1", "subshell-2", "subshell-2"]


def test_stop_sends_what_is_posted_and_nothing_afterwards(post_office, host):
    outbox, sent = post_office()
    for _ in range(100):
        outbox.post(host.ack())
    outbox.stop(WAIT)
    outbox.stop(WAIT)
    assert len(sent) == 100
    outbox.post(host.ack())
    assert not outbox.flush(WAIT)
    assert len(sent) == 100
    assert not outbox._thread.is_alive()


def test_the_sender_may_stop_itself(post_office):
    """An observer of the progress may close the session."""
    outbox, _ = post_office(set_progress=lambda _value: outbox.stop(WAIT), progress_every=0)
    outbox.progress({"labelled": 1})
    outbox._thread.join(WAIT)
    assert not outbox._thread.is_alive()


def test_a_message_that_is_not_json_is_refused_to_whoever_posts_it(post_office):
    outbox, sent = post_office()
    with pytest.raises(TypeError, match="cannot hold"):
        outbox.post(p.Reply(view="v", seq=1, what="item", data=object()))
    assert outbox.flush(WAIT)
    assert sent == []
