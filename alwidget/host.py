"""The session as the widget sees it: `alwidget.widget.host.Host` over a `Session`."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from alwidget.engine import words_at
from alwidget.engine.offers import Offers
from alwidget.errors import SessionClosedError
from alwidget.log.events import Why as StoredWhy
from alwidget.widget import protocol as p

if TYPE_CHECKING:
    from alwidget.engine import Engine
    from alwidget.engine.queue import Queued
    from alwidget.log import Entry
    from alwidget.session import Session

__all__ = ["SessionHost"]

EXCERPT = 160
PACE_OVER = 50
HISTORY = 50
REFRESH_SECONDS = 2.0
START_AFTER = 1.0
"""Seconds between showing the widget and loading a model: the first card has the machine to itself."""


class SessionHost:
    """Answers the widget's messages, and tells it what happens elsewhere."""

    def __init__(self, session: Session, engine: Engine) -> None:
        self._session, self._engine = session, engine
        self._log = session.log
        self._lock = threading.Lock()
        self._listeners: list[Callable[[p.ToPage], None]] = []
        self._own: set[str] = set()
        self._offers = Offers(session.task.name)
        self._pace: deque[float] = deque(maxlen=PACE_OVER)
        self._revision = 0
        self._started = False
        self._looked = 0.0
        self._names = session.labels
        engine.voice.listen(self._on_engine)
        self._log.subscribe(self._on_log)
        self._log.on_storage(self._on_storage)

    # Host ------------------------------------------------------------------------------------------------------------

    def snapshot(self, *, items: int = 20) -> p.Snapshot:
        """Return all that a fresh view needs."""
        self._log.refresh()
        return self._snapshot(items)

    def _snapshot(self, items: int) -> p.Snapshot:
        session, state = self._session, self._log.state
        return p.Snapshot(
            protocol=p.PROTOCOL_VERSION,
            revision=self._next_revision(),
            session=self._log.session_id,
            name=session.name,
            task=session.task.name,
            labels=self._labels(),
            open_labels=session.task.open_labels,
            counts=self._counts(),
            status=self._status(),
            queue=self.items(items, ()),
            history=[self._entry(entry) for entry in state.history(limit=HISTORY)],
            pace=statistics.median(self._pace) if self._pace else None,
            guidelines=session.guidelines,
            strategies=self._options(),
            problems=len(session.pool.problems),
            notice="\n".join(session.notices) or None,
            read_only=self._log.read_only,
            overlap=session.task.overlap,
        )

    def touch(self) -> None:
        """Let the engine begin, a moment after the first card is there."""
        if self._started or self._log.read_only:
            return
        self._started = True
        timer = threading.Timer(START_AFTER, self._engine.start)
        timer.daemon = True
        timer.start()

    def decide(self, message: p.Decide) -> p.Ack:
        """Write a decision down; returns once it is on disk."""
        with self._lock:
            self._own.add(message.client)
        try:
            return self._decide(message)
        finally:
            with self._lock:
                self._own.discard(message.client)

    def items(self, limit: int, exclude: Sequence[str]) -> list[p.Item]:
        """Return the next items, without those that the page holds."""
        if self._log.read_only:
            return []
        self._look_around()
        pool = self._session.pool
        skip = frozenset(pool.index_of(doc) for doc in exclude if doc in pool)
        return [self._item(pool[entry.index].id, entry) for entry in self._engine.head(limit, skip)]

    def request(self, message: p.Request) -> Any:
        """Return the data that a panel asked for."""
        params = message.params
        match message.what:
            case "history":
                return self._history(params)
            case "item":
                return self._item(self._found(params))
            case "items":
                return self.items(int(params.get("limit", 20)), [str(doc) for doc in params.get("exclude", ())])
            case "guidelines":
                return {"text": self._session.guidelines, "labels": self._labels()}
            case "model":
                return {"labels": self._labels(), "status": self._status(), "strategies": self._options()}
            case "problems":
                return {"problems": [str(problem) for problem in self._session.pool.problems[:200]]}

    def set_option(self, message: p.SetOption) -> p.Ack:
        """Change the strategy, the batch size, or whether the engine runs."""
        self._open()
        match message.name:
            case "strategy":
                self._session.strategy = str(message.value)
            case "batch_size":
                self._session.batch_size = message.value
            case "paused":
                (self._engine.pause if message.value else self._engine.resume)()
            case "train":
                self._engine.request()
        return p.Ack(view=message.view, seq=message.seq, revision=self._next_revision(), counts=self._counts())

    def subscribe(self, callback: Callable[[p.ToPage], None]) -> Callable[[], None]:
        """Have `callback` called, from any thread, with what the page should hear; returns what ends that."""
        with self._lock:
            self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def fallback(self) -> dict[str, Any]:
        """Return what a page without a kernel shows: counts, the newest records, and where the session lies."""
        records = sorted(self._log.records(), key=lambda r: str(r["updated"]), reverse=True)
        return {
            "name": self._session.name,
            "path": str(self._session.path),
            "counts": self._counts(),
            "key": self._session.task.key,
            "records": records[:20],
        }

    # Decisions -------------------------------------------------------------------------------------------------------

    def _decide(self, message: p.Decide) -> p.Ack:
        session, action = self._session, message.action
        self._open()
        item: p.Item | None = None
        if action in {"undo", "redo"}:
            act = self._log.undo if action == "undo" else self._log.redo
            recorded = act(target=message.target, client=message.client)
            if recorded is not None and recorded.id is not None and recorded.id in session.pool:
                item = self._item(recorded.id)
        elif action == "label-add":
            recorded = self._log.append("label-add", value=message.value, client=message.client)
        else:
            recorded = self._answer(message)
            if message.seconds is not None and action == "annotate" and not recorded.repeated:
                self._pace.append(message.seconds)
        return p.Ack(
            view=message.view,
            seq=message.seq,
            revision=self._next_revision(),
            counts=self._counts(),
            client=message.client,
            entry=self._entry(recorded.entry) if recorded is not None and recorded.entry is not None else None,
            item=item,
            labels=self._labels() if action in {"label-add", "undo", "redo"} else None,
            repeated=recorded.repeated if recorded is not None else False,
        )

    def _answer(self, message: p.Decide) -> Any:
        given = message.why
        why = None
        if given is not None:
            why = StoredWhy(
                given.strategy, given.round, given.rank, given.of, given.score, given.propensity, None, given.text
            )
        seen = message.seen
        return self._session._say(  # noqa: SLF001  the host is the session's other half
            message.action,
            self._known(message.item),
            why=why,
            value=message.value if message.action == "annotate" else None,
            note=message.note,
            origin=message.origin if message.action == "annotate" else None,
            seconds=message.seconds,
            client=message.client,
            seen={"value": seen.value, "confidence": seen.confidence} if seen else None,
        )

    def _found(self, params: dict[str, Any]) -> str:
        """Return the id that a person typed, or that of the document with the number that they typed."""
        pool, name, position = self._session.pool, str(params.get("item")), params.get("position")
        if name not in pool and isinstance(position, int) and 0 <= position < len(pool):
            return pool[position].id
        return self._known(name)

    def _known(self, doc: object) -> str:
        return self._session._id(doc)  # noqa: SLF001

    def _open(self) -> None:
        if self._session.closed is not None:
            raise SessionClosedError(self._session.closed)

    # What the page is told ------------------------------------------------------------------------------------------

    def _on_engine(self, what: str) -> None:
        if what == "queue":
            message: p.ToPage = p.Queue(
                items=self.items(20, ()), counts=self._counts(), status=self._status(), revision=self._next_revision()
            )
        elif what == "warning":
            text = self._engine.loading.warning or ""
            self._session.notices.append(text)
            message = p.Notice(level="warning", text=text)
        else:
            message = self._status_message()
        self._push(message)

    def _look_around(self) -> None:
        """Take in what other writers said: with every round and every prefetch, never while an answer waits."""
        now = time.monotonic()
        if now - self._looked > REFRESH_SECONDS:
            self._looked = now
            self._log.refresh()

    def _on_storage(self, _error: str | None) -> None:
        self._push(self._status_message())

    def _on_log(self, ids: Sequence[str], entries: Sequence[Entry]) -> None:
        """Tell every view what was said elsewhere: by code in a cell, or by another writer."""
        for entry in entries:
            with self._lock:
                own = entry.client in self._own
            if own:
                continue
            ack = p.Ack(
                view="",
                seq=0,
                revision=self._next_revision(),
                counts=self._counts(),
                client=entry.client,
                entry=self._entry(entry),
            )
            self._push(ack)
        del ids
        self._tell_labels()

    def _tell_labels(self) -> None:
        """Where labels were renamed, merged or deleted, tell every view all anew: any answer may differ."""
        with self._lock:
            before, self._names = self._names, self._session.labels
            kept = self._names[: len(before)] == before
        if not kept:
            self._push(self._snapshot(20))

    def _push(self, message: p.ToPage) -> None:
        for listener in list(self._listeners):
            listener(message)

    def _status_message(self) -> p.StatusMessage:
        return p.StatusMessage(status=self._status(), counts=self._counts(), revision=self._next_revision())

    # Forms -----------------------------------------------------------------------------------------------------------

    def _next_revision(self) -> int:
        with self._lock:
            self._revision += 1
            return self._revision

    def _counts(self) -> p.Counts:
        state, desk = self._log.state, self._engine.desk
        decisions = state.n_labelled + state.n_skipped + state.n_flagged
        return p.Counts(
            total=desk.open.asked_from,
            labelled=state.n_labelled,
            skipped=state.n_skipped,
            flagged=state.n_flagged,
            remaining=len(desk.open),
            saved=max(decisions - self._log.unsaved, 0),
            decisions=decisions,
        )

    def _status(self) -> p.Status:
        status = self._engine.status
        return p.Status(
            state=status.state,
            round=status.round,
            model=status.model,
            strategy=status.strategy,
            message=status.message,
            ahead=status.ahead,
            paused=status.paused,
            batch_size=status.batch_size,
            error=status.error,
            storage_error=self._log.storage_error,
        )

    def _labels(self) -> list[p.LabelInfo]:
        counts = self._log.state.label_counts
        return [
            p.LabelInfo(name=label.name, definition=label.definition, count=counts.get(label.name, 0))
            for label in self._log.state.labels
        ]

    def _options(self) -> list[p.Option]:
        engine, last = self._engine, self._engine.last
        offers = self._offers.now(engine.loading.learner, last.report if last else None, engine.strategy.name)
        return [p.Option(name=offer.name, line=offer.line, reason=offer.reason) for offer in offers]

    def _item(self, doc: str, entry: Queued | None = None) -> p.Item:
        pool = self._session.pool
        document = pool[pool.index_of(doc)]
        entry = entry or self._engine.desk.entry(document.index)
        answer = self._log.state.answer(doc)
        suggestion = why = None
        if entry is not None:
            given = self._session.suggested(entry)
            if given is not None:
                suggestion = p.Suggestion(
                    value=given.value,
                    confidence=given.confidence,
                    probs=list(given.probs) if given.probs else None,
                    candidates=list(given.candidates) if given.candidates else None,
                )
            why = _why(entry.why)
        elif answer is not None and answer.why is not None:
            why = _why(answer.why)
        return p.Item(
            item=doc,
            text=document.text,
            words=self._words(document.index),
            position=document.index,
            text_pair=document.text_pair,
            source=document.source,
            suggestion=suggestion,
            why=why,
            answer=answer.value if answer else None,
            status=(answer.status or None) if answer else None,
            note=answer.note if answer else None,
        )

    def _words(self, index: int) -> list[int] | None:
        """Return where the words of a document are, for tasks that look at words: start, end, start, end."""
        if self._session.task.name != "tagging":
            return None
        flat: list[int] = words_at(self._session.pool, index).ravel().tolist()
        return flat

    def _history(self, params: dict[str, Any]) -> dict[str, Any]:
        limit, offset = int(params.get("limit", HISTORY)), int(params.get("offset", 0))
        query = str(params.get("query") or "") or None
        found = self._log.state.history(limit=limit + 1, offset=offset, query=query)
        return {"entries": [self._entry(entry) for entry in found[:limit]], "more": len(found) > limit}

    def _entry(self, entry: Entry) -> p.HistoryEntry:
        excerpt = entry.excerpt
        return p.HistoryEntry(
            client=entry.client,
            item=entry.id or "",
            action=cast("p.Action", entry.event),
            excerpt=excerpt if len(excerpt) <= EXCERPT else excerpt[:EXCERPT] + "…",
            value=entry.value,
            origin=entry.origin,
            note=entry.note,
            time=entry.time,
            seconds=entry.seconds,
            undone=entry.undone,
            annotator=entry.annotator,
        )


def _why(why: StoredWhy) -> p.Why:
    return p.Why(
        strategy=why.strategy,
        round=why.round,
        rank=why.rank,
        of=why.of,
        score=why.score,
        propensity=why.propensity,
        text=why.text,
    )
