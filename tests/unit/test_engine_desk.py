"""The queue, and that it never runs dry."""

from __future__ import annotations

from pathlib import Path

from alwidget.engine import Desk, Queued, Suggested
from alwidget.engine import queue as queues
from alwidget.log.events import Why
from alwidget.pool import Pool

WHY = Why("tyrogue", 3, 1, 2, 0.5, 0.25, "a model", "torn between a and b")


def pool(n: int = 30) -> Pool:
    return Pool.load([f"document number {i}" for i in range(n)])


def test_never_dry_while_documents_remain_and_never_the_same_twice() -> None:
    desk = Desk(pool(), seed=0)
    asked: list[int] = []
    while head := desk.head(1):
        asked.append(head[0].index)
        desk.close(head[0].index)
    assert sorted(asked) == list(range(30))


def test_duplicates_are_asked_once() -> None:
    desk = Desk(Pool.load(["same", "same", "other"]), seed=0)
    assert len(desk.head(10)) == 2


def test_random_fill_says_so_and_with_which_probability() -> None:
    entry = Desk(pool(200), seed=0).head(5)[0]
    assert entry.why.strategy == "random"
    assert entry.why.propensity == 50 / 200


def test_what_was_taken_back_comes_first_with_its_reason() -> None:
    desk = Desk(pool(), seed=0)
    desk.replace([Queued(4, WHY), Queued(5, WHY)], 3)
    desk.close(4)
    assert desk.head(1)[0].index == 5
    assert desk.entry(4) is not None
    assert desk.reopen(4, 3)
    assert desk.head(2) == [Queued(4, WHY), Queued(5, WHY)]
    assert not desk.reopen(4, 3)


def test_a_round_does_not_bring_back_what_was_answered_meanwhile() -> None:
    desk = Desk(pool(), seed=0)
    desk.close(4)
    desk.replace([Queued(4, WHY), Queued(5, WHY)], 1)
    assert [entry.index for entry in desk.head(1)] == [5]


def test_the_queue_survives_a_restart(tmp_path: Path) -> None:
    documents = pool()
    entries = [Queued(9, WHY, Suggested("a", 0.75, (0.75, 0.25))), Queued(2, WHY)]
    Desk(documents, seed=0, store=tmp_path / "cache" / "queue.json").replace(entries, 7)
    again = Desk(documents, seed=0, store=tmp_path / "cache" / "queue.json")
    assert again.restore() == 7
    assert again.head(2) == entries


def test_a_broken_queue_file_is_no_queue(tmp_path: Path) -> None:
    for junk in ("", "{", "[]", '{"round": 1}', '{"round": 1, "items": [{"id": 1}]}'):
        (tmp_path / "queue.json").write_text(junk)
        assert queues.load(tmp_path / "queue.json") == (0, [])
    desk = Desk(pool(), seed=0, store=tmp_path / "queue.json")
    assert desk.restore() == 0
    assert len(desk.head(3)) == 3


def test_a_saved_document_that_is_gone_is_left_out(tmp_path: Path) -> None:
    store = tmp_path / "queue.json"
    Desk(pool(30), seed=0, store=store).replace([Queued(29, WHY), Queued(1, WHY)], 1)
    smaller = Desk(pool(10), seed=0, store=store)
    smaller.restore()
    assert [entry.index for entry in smaller.head(1)] == [1]
