"""The user's class: pool, log, engine and widget put together. All delegation; the work is done in the rooms."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from alwidget import strategies as _strategies
from alwidget.arguments import whole_number
from alwidget.engine import Engine, RoundResult, TrainingSet
from alwidget.engine.queue import Queued, Suggested
from alwidget.engine.suggest import given_suggestion, suits
from alwidget.errors import UnknownDocumentError
from alwidget.intake import Intake
from alwidget.log.events import StoredDocument, Why
from alwidget.pool import Pool
from alwidget.predicting import Predicting
from alwidget.records import Annotation, Item, Status
from alwidget.relabelling import Relabelling

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset

    from alwidget.given import GivenAnswers
    from alwidget.log import Entry, Log, Recorded
    from alwidget.log.rounds import RoundRecord
    from alwidget.strategies import Strategy
    from alwidget.tasks import Task
    from alwidget.widget.widget import AnnotationWidget

__all__ = ["Session"]


class Session(Relabelling):
    """A pool of documents, what was said of them, and an engine that chooses what to ask next.

    Made by `alwidget.annotate` and `alwidget.open`. As the last line of a cell it is the widget; in a script it is
    driven by `next`, `record` and `train`. Every method may be called from any thread.
    """

    def __init__(
        self,
        pool: Pool,
        log: Log,
        task: Task,
        engine: Engine,
        intake: Intake,
        *,
        name: str,
        prelabels: GivenAnswers | None = None,
    ) -> None:
        self.pool, self.log, self.task, self.name = pool, log, task, name
        self._engine, self._intake = engine, intake
        self._prelabels = prelabels
        if prelabels is not None:
            engine.drafting.spared = lambda index: self._given(index) is not None
        self._predicting = Predicting(pool, engine, intake.training_set)
        self._widget: AnnotationWidget | None = None
        self._lock = threading.RLock()
        self._closed: str | None = None
        self.guidelines: str = str(log.settings.get("guidelines") or "")
        self.notices: list[str] = []

    # Asking and answering --------------------------------------------------------------------------------------------

    def next(self, n: int = 1, *, exclude: Iterable[str] = ()) -> list[Item]:
        """Return the next `n` documents to ask, best first; fewer when fewer are left, none when all are answered.

        A document stays next until it is answered or skipped. Without a widget, and once labels exist, an empty queue
        is filled by a round of the engine, so that a plain loop over `next` and `record` is active learning.

        >>> import alwidget as alw, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> session = alw.annotate(["good", "bad"], labels=["+", "-"], path=f"{folder}/s.alw", model="tf-idf")
        >>> len(session.next(5))
        2
        >>> session.close()
        """
        n = whole_number(n, "next: the number of documents", least=0)
        self._check_open()
        self.log.refresh()
        skip = frozenset(self.pool.index_of(doc) for doc in exclude if doc in self.pool)
        desk = self._engine.desk
        if not self._engine.started and len(desk) < min(n, len(desk.open)) and desk.closed and not self.log.read_only:
            self._engine.step()
        return [self._item(entry) for entry in self._engine.asked(n, skip)]

    def record(
        self,
        id: str,
        value: Any,
        *,
        origin: str = "human",
        seconds: float | None = None,
        client: str | None = None,
    ) -> Annotation:
        """Write down an answer; returns once it is on disk.

        Raises
        ------
        alwidget.errors.LabelError
            The value does not fit the task.
        alwidget.errors.UnknownDocumentError
            No document has this id.
        alwidget.errors.StorageError
            It could not be written. It is kept, and written as soon as that works again.
        """
        self._say("annotate", id, value=value, origin=origin, seconds=seconds, client=client)
        return self._annotation(self._id(id))

    def skip(self, id: str, *, seconds: float | None = None, client: str | None = None) -> None:
        """Leave a document without an answer; it is not asked again."""
        self._say("skip", id, seconds=seconds, client=client)

    def flag(self, id: str, note: str | None = None, *, client: str | None = None) -> None:
        """Mark a document to come back to, with a note. It keeps its answer if it has one."""
        self._say("flag", id, note=note, client=client)

    def note(self, id: str, note: str, *, client: str | None = None) -> None:
        """Write a comment on a document."""
        self._say("note", id, note=note, client=client)

    def clear(self, id: str, *, client: str | None = None) -> None:
        """Take away what was said of a document; it is asked again."""
        self._say("clear", id, client=client)

    def undo(self, *, target: str | None = None, client: str | None = None) -> Entry | None:
        """Take back the newest decision, or the one that `target` names; None when there is nothing to take back."""
        return self._turn(self.log.undo, target, client)

    def redo(self, *, target: str | None = None, client: str | None = None) -> Entry | None:
        """Bring back what was undone last."""
        return self._turn(self.log.redo, target, client)

    # The engine ------------------------------------------------------------------------------------------------------

    def train(self, *, wait: bool = False) -> RoundResult | None:
        """Run one round of the engine: now with ``wait=True``, else in the background, which goes on by itself."""
        self._check_open()
        self.log.refresh()
        if wait:
            return self._engine.step()
        self._engine.request()
        return None

    def wait(self, timeout: float | None = None) -> bool:
        """Return True once the engine has nothing left to do, False after `timeout` seconds."""
        return self._engine.wait(timeout)

    def pause(self) -> None:
        """Stop training and choosing; labelling goes on with what is queued."""
        self._engine.pause()

    def resume(self) -> None:
        """Go on training and choosing in the background."""
        self._engine.resume()

    @property
    def strategy(self) -> Strategy:
        """The query strategy; set it by name, class or instance at any time."""
        return self._engine.strategy

    @strategy.setter
    def strategy(self, strategy: str | Strategy | type[Strategy]) -> None:
        chosen = _strategies.get(strategy)
        _strategies.check_task(chosen, self.task.name)
        self._engine.strategy = chosen

    @property
    def batch_size(self) -> int:
        """How many documents a round chooses."""
        return self._engine.status.batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        self._engine.set_batch_size(whole_number(size, "batch_size", least=1))

    def predict(self, texts: Sequence[str], text_pair: Sequence[str] | None = None) -> list[Any]:
        """Return the answer to each text, as the model sees it now; trains first when there is no model yet.

        In the form of the task: a label, a list of labels, a list of spans (with the ``confidence`` of each), a text.

        Parameters
        ----------
        text_pair
            The second text of each, where documents are pairs.
        """
        return self._predicting.answers(texts, text_pair)

    def predict_proba(self, texts: Sequence[str], text_pair: Sequence[str] | None = None) -> np.ndarray:
        """Return the probability of each label, float64, shape (n, C), columns in the order of the labels.

        With several labels a document, each has a probability of its own, and rows do not sum to one. Spans and
        written text have none: a `SessionError` says so.
        """
        return self._predicting.probabilities(texts, text_pair)

    # What there is ---------------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """How far the session is and what the engine does."""
        engine, state = self._engine.status, self.log.state
        return Status(
            engine.state,
            engine.round,
            state.n_labelled,
            state.n_skipped,
            state.n_flagged,
            len(self._engine.desk.open),
            self._engine.desk.open.asked_from,
            engine.model,
            engine.strategy,
            engine.message,
            engine.error,
            self.log.storage_error,
            engine.ahead,
            engine.paused,
        )

    @property
    def engine(self) -> Engine:
        """The engine, for what looks inside of it: `alwidget.diagnostics`, the benchmark."""
        return self._engine

    @property
    def training_set(self) -> TrainingSet:
        """What there is to train from now."""
        return self._intake.training_set()

    @property
    def path(self) -> Path:
        """The session directory."""
        return Path(self.log.path)

    @property
    def annotations(self) -> list[Annotation]:
        """What is said of every document now, in the pool's order."""
        self.log.refresh()
        return [Annotation.from_record(record, self.task.key) for record in self.log.records()]

    def history(self, limit: int | None = 50, *, offset: int = 0, query: str | None = None) -> list[Entry]:
        """Return decisions, newest first, with whether they were undone."""
        return self.log.state.history(limit=limit, offset=offset, query=query)

    @property
    def rounds(self) -> list[RoundRecord]:
        """What every finished round did, oldest first, in earlier runs and by other writers too."""
        return self._engine.rounds.records()

    def to_pandas(self) -> pd.DataFrame:
        """Return the annotations as a DataFrame with the columns of ``annotations.json``."""
        from alwidget import interop

        return interop.to_pandas(self.log.records())

    def to_dataset(self) -> Dataset:
        """Return the annotations as a `datasets.Dataset`; labels are a ``ClassLabel``."""
        from alwidget import interop

        return interop.to_dataset(self.log.records(), self.labels)

    def export(self, path: str | Path, format: str | None = None, *, include: str = "all") -> Path:  # noqa: A002
        """Write the annotations to a file: json, jsonl, csv, parquet or huggingface.

        Parameters
        ----------
        format
            By default what the file's ending says.
        include
            ``"all"``: every record, with its status; ``"labelled"``: those with an answer.
        """
        from alwidget import interop

        self.log.refresh()
        return interop.export(
            self.log.records(), path, format, task=self.task.name, labels=self.labels, include=include
        )

    def suggested(self, entry: Queued) -> Suggested | None:
        """Return what is suggested for a queued document: what the data brings, else what the model answers."""
        given = self._given(entry.index)
        if given is not None:
            return given_suggestion(given, self.task.name)
        return entry.suggestion if suits(entry.suggestion, self.log.task) else None

    # The widget ------------------------------------------------------------------------------------------------------

    @property
    def widget(self) -> AnnotationWidget:
        """The widget, a `ipywidgets.DOMWidget`; the same object every time."""
        with self._lock:
            if self._widget is None:
                from alwidget.host import SessionHost
                from alwidget.widget.widget import AnnotationWidget

                self._widget = AnnotationWidget(SessionHost(self, self._engine))
            return self._widget

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        """Return the session's name, place and counts."""
        state = self.log.state
        left = self.status.remaining
        return f"<alwidget session {self.name!r}: {state.n_labelled} labelled, {left} to go, {self.path}>"

    # The end ---------------------------------------------------------------------------------------------------------

    def close(self, reason: str = "This session was closed.") -> None:
        """Stop the engine, write what is unwritten, release the directory. Harmless when called twice.

        Raises
        ------
        alwidget.errors.StorageError
            Something could not be written. It is kept, and tried again for as long as the process lives.
        """
        with self._lock:
            if self._closed is not None:
                return
            self._closed = reason
        self._engine.close()
        if self._widget is not None:
            self._widget.retire(reason)
        self.log.close()

    @property
    def closed(self) -> str | None:
        """Why the session is closed, or None while it is open."""
        return self._closed

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self.close()

    # Inside ----------------------------------------------------------------------------------------------------------

    def _say(self, kind: str, doc: str, *, why: Why | None = None, **what: Any) -> Recorded:
        """Append a decision on a document, with the document itself and why it was asked."""
        self._check_open()
        doc = self._id(doc)
        document = self.pool[self.pool.index_of(doc)]
        entry = self._engine.desk.entry(document.index)
        return self.log.append(
            kind,
            id=doc,
            key=document.key.hex(),
            why=entry.why if entry else why,
            document=StoredDocument(document.text, document.text_pair, document.source),
            **what,
        )

    def _turn(self, act: Callable[..., Recorded | None], target: str | None, client: str | None) -> Entry | None:
        self._check_open()
        recorded = act(target=target, client=client)
        return recorded.entry if recorded else None

    def _given(self, index: int) -> Any:
        """Return the answer that the data brings to look over, or None."""
        return None if self._prelabels is None else self._prelabels.of(self.pool[index], self.log.task)

    def _id(self, doc: object) -> str:
        name = doc.id if isinstance(doc, Item) else str(doc)
        if name in self.pool:
            return name
        message = f'No document has the id "{name}". Ids come from session.next() and session.pool.ids.'
        raise UnknownDocumentError(message)

    def _item(self, entry: Queued) -> Item:
        document = self.pool[entry.index]
        why = {name: getattr(entry.why, name) for name in entry.why.__struct_fields__}
        suggestion = self.suggested(entry)
        return Item(
            document.id,
            document.text,
            document.text_pair,
            document.source,
            suggestion.value if suggestion else None,
            suggestion.confidence if suggestion else None,
            why,
            suggestion.candidates if suggestion else None,
            None if suggestion is None else "given" if suggestion.confidence is None else "model",
        )

    def _annotation(self, doc: str) -> Annotation:
        return Annotation.from_record(self.log.record(doc), self.task.key)
