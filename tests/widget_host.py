"""A small session for the widget's tests: documents, answers and decisions in memory, safe from any thread.

It keeps the contract of `alwidget.widget.host.Host` without a log, an engine or a model, so that a test of the widget
fails for what the widget does.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from alwidget.errors import LabelError, SessionClosedError, StorageError, UnknownDocumentError
from alwidget.widget import protocol as p

STATUSES = {"annotate": "labelled", "skip": "skipped", "flag": "flagged"}


class ListHost:
    """Decisions in a list; the newest one of a document counts."""

    def __init__(self, texts: Sequence[str] = ("first", "second", "third"), labels: Sequence[str] = ("pos", "neg")):
        self.texts = {f"d{i}": text for i, text in enumerate(texts)}
        self.labels = list(labels)
        self.decisions: list[p.Decide] = []
        self.options: dict[str, Any] = {"strategy": "random", "paused": False, "batch_size": 50}
        self.requests: list[p.Request] = []
        self.guidelines = ""
        self.full = False
        self.closed = False
        self.touched = 0
        self.threads: set[str] = set()
        self._undone: set[str] = set()
        self._clients: dict[str, p.Decide] = {}
        self._listeners: list[Callable[[p.ToPage], None]] = []
        self._revisions = itertools.count(1)
        self._lock = threading.RLock()

    def snapshot(self, *, items: int = 20) -> p.Snapshot:
        with self._lock:
            return p.Snapshot(
                protocol=p.PROTOCOL_VERSION,
                revision=next(self._revisions),
                session="5e551071-0000-4000-8000-000000000000",
                name="small",
                task="classification",
                labels=[p.LabelInfo(name=name) for name in self.labels],
                open_labels=False,
                counts=self.counts(),
                status=self.status(),
                queue=self.items(items, ()),
                history=[self._entry(decision) for decision in reversed(self.decisions)],
                guidelines=self.guidelines,
            )

    def decide(self, message: p.Decide) -> p.Ack:
        with self._lock:
            self.threads.add(threading.current_thread().name)
            if self.closed:
                reason = "This session was closed."
                raise SessionClosedError(reason)
            repeated = message.client in self._clients
            if not repeated:
                self._say(message)
            if self.full:
                reason = "Nothing is being saved: the disk is full."
                raise StorageError(reason)
            return p.Ack(
                view="",
                seq=-1,
                revision=next(self._revisions),
                counts=self.counts(),
                client=message.client,
                entry=self._entry(message),
                item=self._item(message.item) if message.item else None,
                repeated=repeated,
            )

    def request(self, message: p.Request) -> Any:
        self.requests.append(message)
        match message.what:
            case "history":
                entries = [self._entry(decision) for decision in reversed(self.decisions)]
                start, stop = message.params["offset"], message.params["offset"] + message.params["limit"]
                return p.HistoryPage(entries=entries[start:stop], more=len(entries) > stop)
            case "item":
                return self._item(message.params["item"])
            case "items":
                return self.items(message.params["limit"], message.params["exclude"])
            case "problems":
                return p.Problems(problems=[])
            case _:
                raise RuntimeError(message.what)

    def set_option(self, message: p.SetOption) -> p.Ack:
        with self._lock:
            self.options[message.name] = message.value
            return p.Ack(view="", seq=-1, revision=next(self._revisions), counts=self.counts())

    def items(self, limit: int, exclude: Sequence[str]) -> list[p.Item]:
        with self._lock:
            answered = self._answers()
            return [self._item(doc) for doc in self.texts if doc not in answered and doc not in exclude][:limit]

    def subscribe(self, callback: Callable[[p.ToPage], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def fallback(self) -> dict[str, Any]:
        with self._lock:
            records = [
                {"id": doc, "text": self.texts[doc], "label": said.value, "status": STATUSES[said.action]}
                for doc, said in reversed(self._answers().items())
            ]
            return {"name": "small", "path": "small.alw", "counts": self.counts(), "key": "label", "records": records}

    def touch(self) -> None:
        self.touched += 1

    # Beyond the contract ---------------------------------------------------------------------------------------------

    def push(self, message: p.ToPage) -> None:
        """Tell every listener, as an engine or another writer would."""
        for listener in list(self._listeners):
            listener(message)

    def ack(self) -> p.Ack:
        """Return the acknowledgement of something said elsewhere."""
        with self._lock:
            return p.Ack(view="", seq=0, revision=next(self._revisions), counts=self.counts())

    def queue(self, *docs: str) -> p.Queue:
        with self._lock:
            items = [self._item(doc) for doc in docs]
            return p.Queue(items=items, counts=self.counts(), status=self.status(), revision=next(self._revisions))

    def working(self, message: str) -> p.StatusMessage:
        with self._lock:
            return p.StatusMessage(status=self.status(message), counts=self.counts(), revision=next(self._revisions))

    def counts(self) -> p.Counts:
        said = [decision.action for decision in self._answers().values()]
        return p.Counts(
            total=len(self.texts),
            labelled=said.count("annotate"),
            skipped=said.count("skip"),
            flagged=said.count("flag"),
            remaining=len(self.texts) - len(said),
            saved=len(self.decisions),
            decisions=len(self.decisions),
        )

    def status(self, message: str = "") -> p.Status:
        return p.Status(
            state="ready",
            round=0,
            model="tf-idf",
            strategy="random",
            message=message,
            ahead=len(self.texts),
            paused=False,
            batch_size=50,
        )

    def _say(self, message: p.Decide) -> None:
        if message.action == "undo":
            open_ = [d.client for d in self.decisions if d.action != "undo" and d.client not in self._undone]
            self._undone.update([message.target or open_[-1]] if open_ else [])
        elif message.item not in self.texts:
            reason = f'No document has the id "{message.item}".'
            raise UnknownDocumentError(reason)
        elif message.action == "annotate" and message.value not in self.labels:
            reason = f'"{message.value}" is not one of the labels.'
            raise LabelError(reason)
        self._clients[message.client] = message
        self.decisions.append(message)

    def _answers(self) -> dict[str, p.Decide]:
        answers: dict[str, p.Decide] = {}
        for decision in self.decisions:
            if decision.item is not None and decision.action in STATUSES and decision.client not in self._undone:
                answers.pop(decision.item, None)
                answers[decision.item] = decision
        return answers

    def _item(self, doc: str) -> p.Item:
        said = self._answers().get(doc)
        return p.Item(
            item=doc,
            text=self.texts[doc],
            answer=said.value if said else None,
            status=STATUSES[said.action] if said else None,
        )

    def _entry(self, decision: p.Decide) -> p.HistoryEntry:
        return p.HistoryEntry(
            client=decision.client,
            item=decision.item or "",
            action=decision.action,
            excerpt=self.texts.get(decision.item or "", ""),
            value=decision.value,
            undone=decision.client in self._undone,
        )
