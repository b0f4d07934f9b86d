"""Making a session: read the arguments, refuse all that is wrong with them at once, put the parts together."""

from __future__ import annotations

import atexit
import getpass
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alwidget import learners, strategies, tasks
from alwidget.arguments import read_arguments
from alwidget.engine import Engine, Pace
from alwidget.errors import ArgumentError, SessionError, StorageError, StrategyError
from alwidget.given import GivenAnswers
from alwidget.intake import Intake
from alwidget.log import Log
from alwidget.log.events import StoredDocument
from alwidget.log.rounds import RoundLog
from alwidget.pool import Pool
from alwidget.session import Session

if TYPE_CHECKING:
    from alwidget.learners import Learner
    from alwidget.strategies import Strategy, Subsampler

__all__ = ["annotate", "open"]

IMPORT_CHUNK = 5000
LOOKED_AT = 5000
"""Documents whose given answers are checked when a session opens; those of the others, when they are shown."""
KEPT = (
    "model",
    "strategy",
    "subsample",
    "batch_size",
    "batch_unit",
    "overlap",
    "span_unit",
    "guidelines",
    "seed",
    "audit",
)
"""Settings of a session that it is opened with again."""
SET_ASIDE = ("broken", "empty", "not-text")
"""Kinds of problems whose rows are no documents; the others are only worth knowing."""

_live: weakref.WeakValueDictionary[Path, Session] = weakref.WeakValueDictionary()
_live_lock = threading.Lock()


def annotate(
    data: Any,
    labels: Sequence[str] | Mapping[str, str] | None = None,
    task: str = "classification",
    *,
    text: str | None = None,
    text_pair: str | None = None,
    id: str | None = None,
    source: str | None = None,
    label: str | None = None,
    prelabel: str | None = None,
    tokens: str | None = None,
    tags: str | None = None,
    scheme: str | None = None,
    span_unit: Literal["words", "characters"] = "words",
    path: str | Path | None = None,
    model: str | Learner = "auto",
    strategy: str | Strategy | type[Strategy] = "auto",
    subsample: str | Subsampler | None = "auto",
    batch_size: int = 50,
    batch_unit: str = "documents",
    overlap: bool = False,
    annotator: str | None = None,
    guidelines: str | None = None,
    seed: int = 0,
    strict: bool = False,
    encoding: str | None = None,
    audit: float = 0.0,
) -> Session:
    """Open a session on `data`: a new one, or the one that is at `path` already.

    Parameters
    ----------
    data
        List of texts, list of dicts, DataFrame, `datasets.Dataset`, a `Pool`, or a path (csv, tsv, json, jsonl,
        parquet, arrow, a folder of .txt).
    labels
        Names, or names with definitions. ``[]``: labels are coined while labelling. Left out: the labels that the
        data carries already, else as ``[]``. Written text (``"generation"``) has none.
    task
        ``"classification"``, ``"multilabel"``, ``"tagging"`` or ``"generation"``.
    text, text_pair, id, source, label
        Columns; found by their usual names when left out. Only a `label` that is named here is taken for answers to
        start from: data that happens to carry labels would otherwise leave nothing to ask. What a column of answers
        holds depends on the task: a label; a list of labels; tags of words, or spans; a text.
    prelabel
        Column with answers of a model or of rules to look over: shown as suggestions until their documents are
        answered, also once the session's own model has learnt; that one suggests for all others.
    tokens, tags, scheme
        For spans: the column with the words of each document (without a text they are joined by spaces), the column
        with a tag for each word (which `label` or `prelabel` may name just as well), and their scheme, ``"IOB1"``,
        ``"IOB2"``, ``"BILOU"`` or ``"BIOES"``, found from the tags when left out.
    span_unit
        What spans snap to and are tagged by where the data gives no words: ``"words"`` (by Unicode's rule, UAX #29) or
        ``"characters"``.
    path
        Session directory; by default ``./<name of the data>.alw``.
    model
        ``"auto"``, ``"tf-idf"``, ``"encoder:NAME"``, ``"finetune:NAME"``, a hub name, a path, or a `Learner`.
    strategy
        ``"auto"`` (TYROGUE for one or several labels, MNLP for spans, IDDS for written text), a name from
        `alwidget.strategies.available`, a class, an instance, ``"path.py:Class"``.
    subsample
        Which documents a round looks at: ``"auto"`` (what the strategy brings, else random 10,000 once the pool is
        larger), ``"random:N"``, ``"ups"`` (those that the model was unsure of before, and few others),
        ``"naive:0.1"``, ``"seals"`` (those near labelled ones), None for all, or an instance;
        see `alwidget.strategies.subsampler`.
    batch_size, batch_unit
        How many documents a round chooses; with ``batch_unit="tokens"`` how many words: documents are taken in the
        strategy's order until they have so many together.
    overlap
        Whether spans may overlap.
    annotator
        Your name in the log; by default the one you are logged in with.
    guidelines
        Markdown, shown beside the card.
    seed
        Same seed, same data, same answers: same questions.
    strict
        Refuse data with broken rows in place of setting them aside.
    encoding
        Of a text file; found and reported when left out.
    audit
        The share of questions, 0 … 0.5, that are drawn at random to measure. What a strategy chooses is harder than
        the rest; these alone tell how often the model is right on all documents (`alwidget.diagnostics.quality`). With
        0.05 it is one question in 20, and after 1,000 answers that is known to about ±10 points.

    Raises
    ------
    alwidget.errors.ArgumentError
        Arguments that cannot be used, all of them in one message.
    alwidget.errors.DataError
        The data cannot be read as documents.

    Examples
    --------
    >>> import alwidget as alw, tempfile
    >>> texts = ["a fine film", "a dull film"]
    >>> session = alw.annotate(texts, labels=["good", "bad"], path=tempfile.mkdtemp() + "/films.alw", model="tf-idf")
    >>> item = session.next()[0]
    >>> session.record(item.id, "good").value
    'good'
    >>> session.close()
    """
    asked = read_arguments(
        labels=labels,
        task=task,
        overlap=overlap,
        span_unit=span_unit,
        strategy=strategy,
        subsample=subsample,
        batch_size=batch_size,
        batch_unit=batch_unit,
        seed=seed,
        annotator=annotator,
        audit=audit,
    )
    given, chosen = asked.labels, asked.strategy
    pool = (
        data
        if isinstance(data, Pool)
        else Pool.load(
            data,
            text=text,
            text_pair=text_pair,
            id=id,
            source=source,
            label=label or tags,
            prelabel=prelabel,
            tokens=tokens,
            span_unit=span_unit,
            task=task,
            strict=strict,
            encoding=encoding,
        )
    )
    gold, before = _given(pool, tasks.get(task), label or tags, prelabel, scheme)
    where = Path(path) if path is not None else Path(f"{pool.name}.alw")
    resumed = (where / "session.json").exists()
    if labels is None and not resumed and (gold.there or before.there):
        given = tasks.read_labels(gold.labels() or before.labels())
    known = tasks.get(task, [item.name for item in given], overlap=overlap)
    coined = known.takes_labels and not given and not (resumed and labels is None)
    _retire(where)
    settings = {
        "model": model if isinstance(model, str) else None,
        "strategy": _kept(chosen),
        "subsample": strategies.subsample_setting(subsample),
        "batch_size": batch_size,
        "batch_unit": batch_unit,
        "overlap": overlap or None,
        "span_unit": None if pool.span_unit == "words" else pool.span_unit,
        "guidelines": guidelines,
        "seed": seed,
        "audit": audit if audit or resumed else None,
        "pool": {"fingerprint": pool.fingerprint, "documents": len(pool), "name": pool.name},
    }
    kept = {name: value for name, value in settings.items() if value is not None}
    log = Log.open(
        where,
        task=known,
        labels=given,
        open_labels=coined,
        settings=kept,
        annotator=annotator or _who(),
    )
    try:
        log.update_settings(**kept)
        if label is not None:
            _import_given(pool, log, gold)
        before.check(log.task, LOOKED_AT)
        learner = learners.make(model, task=task).learner
        return _assemble(
            pool, log, learner, chosen, subsample, Pace(batch_size, batch_unit), seed, before, audit=audit
        )
    except BaseException:
        log.close()
        raise


def open(path: str | Path, data: Any = None, **options: Any) -> Session:
    """Resume the session at `path`.

    Parameters
    ----------
    data
        The documents. Left out, the session is read-only and shows what was labelled.
    options
        As for `annotate`; what is left out is as the session was left.

    Raises
    ------
    alwidget.errors.SessionError
        There is no session at `path`.
    """
    where = Path(path)
    if not (where / "session.json").exists() and not (where / "log").is_dir():
        message = f"{where} is not a session directory. alw.annotate(data, labels=…, path=…) makes one."
        raise SessionError(message)
    _retire(where)
    stored = Log.describe(where)
    if data is not None:
        kept = {name: stored["settings"][name] for name in KEPT if name in stored["settings"]}
        if "strategy" in kept:
            kept["strategy"] = strategies.from_settings(kept["strategy"])
        return annotate(data, **{"task": stored["task"], **kept, **options, "path": where})
    if options:
        message = f"Without data a session is read-only; {', '.join(options)} would have no effect."
        raise ArgumentError(message)
    task = tasks.get(stored["task"], overlap=bool(stored["settings"].get("overlap")))
    log = Log.open(where, task=task, settings={}, annotator=_who(), read_only=True, create=False)
    answers = sorted(log.state.answers.values(), key=lambda answer: answer.time)
    rows = [
        {"id": a.id, "text": a.document.text, "text_pair": a.document.text_pair, "source": a.document.source}
        for a in answers
        if a.document is not None
    ]
    pool = Pool.load(rows, id="id", text="text") if rows else Pool.load(["(nothing is labelled in this session)"])
    # counted words are there at once; for spans and written text nothing is, and predicting says so
    choice = learners.make("tf-idf", task="multilabel" if task.name == "multilabel" else "classification")
    return _assemble(pool, log, choice.learner, strategies.get("random"), None, Pace(50), 0)


def _assemble(
    pool: Pool,
    log: Log,
    learner: Learner,
    strategy: Strategy,
    subsample: str | Subsampler | None,
    pace: Pace,
    seed: int,
    prelabels: GivenAnswers | None = None,
    *,
    audit: float = 0.0,
) -> Session:
    task = log.task
    intake = Intake(pool, log, task)
    engine = Engine(
        pool,
        learner,
        strategy,
        intake.training_set,
        subsample=subsample,
        batch_size=pace.batch_size,
        batch_unit=pace.batch_unit,
        seed=seed,
        task=task.name,
        audit=audit,
        cache=None if log.read_only else Path(log.path) / "cache",
        rounds=RoundLog(Path(log.path), lambda: log.writer, read_only=log.read_only),
    )
    log.arrange(_order(pool))
    intake.load(engine)
    engine.restore(intake.newest_round)
    session = Session(pool, log, task, engine, intake, name=Path(log.path).stem, prelabels=prelabels)
    log.subscribe(lambda ids, _: intake.update(ids, engine))
    _notices(session, intake)
    with _live_lock:
        _live[Path(log.path).resolve()] = session
    return session


def _notices(session: Session, intake: Intake) -> None:
    """Collect what a person should read once: broken rows, labels not taken, torn lines, documents that are gone."""
    if session.pool.has_labels and not session.log.state.answers and not session.log.read_only:
        column = session.pool.columns["label"]
        session.notices.append(f'The data has labels already; label="{column}" starts from them.')
    pool, first = session.pool, dict[str, str]()
    for problem in pool.problems:
        first.setdefault("row" if problem.kind in SET_ASIDE else problem.kind, str(problem))
    if (row := first.pop("row", None)) is not None:
        rows = "row of the data was" if pool.set_aside == 1 else "rows of the data were"
        session.notices.append(f"{pool.set_aside:,} {rows} set aside; the first: {row}")
    session.notices.extend(first.values())
    session.notices.extend(session.log.reports)
    if intake.detached:
        session.notices.append(
            f"{len(intake.detached):,} answers are to documents that this data no longer holds; they are kept."
        )


def _given(
    pool: Pool, task: tasks.Task, label: str | None, prelabel: str | None, scheme: str | None
) -> tuple[GivenAnswers, GivenAnswers]:
    """Return the answers that the data holds: those that are settled, and those to look over."""
    if prelabel is not None and "prelabel" not in pool.columns:
        message = f'No document has an answer in prelabel="{prelabel}".'
        message += " A Pool must be loaded with that column: Pool.load(…, prelabel=…)."
        raise ArgumentError(message)
    columns = {"label": label, "prelabel": prelabel}
    gold, before = (
        GivenAnswers(pool, task, role, named=name is not None, scheme=scheme) for role, name in columns.items()
    )
    return gold, before


def _import_given(pool: Pool, log: Log, gold: GivenAnswers) -> None:
    """Take over the answers that the data came with, once."""
    if not gold.there or log.state.answers:
        return
    task = log.task
    pending: list[dict[str, Any]] = []
    for document in pool:
        value = gold.of(document, task)
        if value is None:
            continue
        stored = StoredDocument(document.text, document.text_pair, document.source)
        what = {"id": document.id, "value": value, "key": document.key.hex(), "origin": "imported", "document": stored}
        pending.append({"kind": "annotate", **what})
        if len(pending) == IMPORT_CHUNK:
            log.append_many(pending)
            pending = []
    if pending:
        log.append_many(pending)


def _kept(strategy: Strategy) -> dict[str, Any] | None:
    """Return the strategy as settings; one of your own is not kept, since opening a session must never run code."""
    try:
        return strategies.to_settings(strategy)
    except StrategyError:
        return None


def _order(pool: Pool) -> Any:
    return lambda doc: pool.index_of(doc) if doc in pool else None


def _retire(path: Path) -> None:
    """Close the session that this process has open at `path`: a cell that is run again takes over."""
    with _live_lock:
        session = _live.pop(path.resolve(), None)
    if session is not None:
        # what it could not write it keeps, and goes on trying
        with suppress(StorageError):
            session.close("This session was opened again in another cell; go on there.")


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "annotator"


@atexit.register
def _close_all() -> None:
    for session in list(_live.values()):
        # the log puts what is unwritten where it can be found again
        with suppress(StorageError):
            session.close("Python is shutting down.")
