"""Sessions with several labels, spans and written text: from the question to the answer, the model and the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

import alwidget as alw
from alwidget.engine import words_at
from alwidget.errors import ArgumentError, LabelError, SessionError
from alwidget.interop import read
from alwidget.learners import FrozenTagger
from alwidget.learners.reader import Reader
from alwidget.learners.tfidf import TfIdf
from small_tasks import ANIMALS, LABELS, ORACLES, SmallSeveral, SmallTagger, SmallWriter, texts
from tiny_models import make_masked

MODELS = {"multilabel": SmallSeveral, "tagging": SmallTagger, "generation": SmallWriter}
KEYS = {"multilabel": "labels", "tagging": "spans", "generation": "target"}
TASKS = list(MODELS)


def start(task: str, path: Path, data: Any = None, **options: Any) -> alw.Session:
    labels = {} if task == "generation" else {"labels": LABELS[task]}
    chosen = {"strategy": "random", "model": MODELS[task](), **labels, **options}
    return alw.annotate(texts(80) if data is None else data, task=task, path=path, **chosen)


def answer(session: alw.Session, n: int) -> None:
    for item in session.next(n):
        session.record(item.id, ORACLES[session.task.name](item.text), seconds=1.5)


def plain(value: Any) -> Any:
    """Return a value without how sure a model is of its spans."""
    if isinstance(value, list):
        return [
            {k: v for k, v in each.items() if k != "confidence"} if isinstance(each, dict) else each for each in value
        ]
    return value


@pytest.mark.parametrize("task", TASKS)
def test_label_train_predict_resume_undo(task: str, tmp_path: Path) -> None:
    oracle = ORACLES[task]
    with start(task, tmp_path / "s.alw") as session:
        answer(session, 40)
        assert session.train(wait=True).fitted  # type: ignore[union-attr]
        items = session.next(5)
        assert all(item.suggestion is not None and 0 <= item.confidence <= 1 for item in items)  # type: ignore[operator]
        new = texts(200)[-5:]
        right = sum(
            plain(a) == session.task.validate(oracle(t), text=t)
            for a, t in zip(session.predict(new), new, strict=True)
        )
        assert right >= 3
        assert session.predict([]) == []
        ahead = [item.id for item in items]
        said = session.annotations
    with start(task, tmp_path / "s.alw") as session:
        assert session.annotations == said
        assert [item.id for item in session.next(5)] == ahead
        for annotation in said:
            assert annotation.value == session.task.validate(oracle(annotation.text), text=annotation.text)
        first = session.history(limit=1)[0]
        session.record(first.id, said[0].value if task != "tagging" else [])  # type: ignore[arg-type]
        session.undo()
        again = {a.id: a.value for a in session.annotations}
        assert again[first.id] == {a.id: a.value for a in said}[first.id]
        assert session.status.labelled == 40


@pytest.mark.parametrize("task", TASKS)
def test_every_export_brings_back_the_same_answers(task: str, tmp_path: Path) -> None:
    key = KEYS[task]
    with start(task, tmp_path / "s.alw") as session:
        answer(session, 12)
        session.skip(session.next()[0].id)
        records = [json.loads(json.dumps(record)) for record in session.log.records()]
        for ending in ("json", "jsonl", "csv", "parquet"):
            back = read(session.export(tmp_path / f"out.{ending}"))
            assert [row[key] for row in back] == [record[key] for record in records], ending
        folder = session.export(tmp_path / "hf", format="huggingface")
        assert [row[key] for row in read(folder, "huggingface")] == [record[key] for record in records]
        assert json.loads((tmp_path / "out.json").read_text())["task"] == task
        answered = session.to_pandas().query("status == 'labelled'")
        assert list(answered[key]) == [record[key] for record in records if record["status"] == "labelled"]
        dataset = session.to_dataset()
        assert dataset[0][key] == records[0][key]
        if task == "tagging":
            for row in dataset:
                assert all(s["text"] == row["text"][s["start"] : s["end"]] for s in row["spans"] or [])
    frame = alw.load_annotations(tmp_path / "s.alw")
    stored = dict(zip(frame["id"], frame[key], strict=True))
    assert all(stored[record["id"]] == record[key] for record in records if record[key] is not None)
    with alw.open(tmp_path / "s.alw") as session:
        assert len(session.annotations) == 13
        assert session.next() == []
        with pytest.raises(SessionError):
            session.record(records[0]["id"], records[0][key])
        if task != "multilabel":
            with pytest.raises(SessionError, match="with its"):
                session.predict(["a"])
    with alw.open(tmp_path / "s.alw", texts(80), model=MODELS[task]()) as session:
        assert session.task.name == task
        assert session.status.labelled == 12


def test_nothing_answered_has_its_column_all_the_same(tmp_path: Path) -> None:
    with start("tagging", tmp_path / "s.alw") as session:
        session.skip(session.next()[0].id)
        assert "spans" in session.to_pandas().columns
        assert session.to_dataset().features["spans"] is not None


def test_a_csv_of_spans_is_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    with start("tagging", tmp_path / "s.alw", ["=Ada met Bob"]) as session:
        session.record(session.next()[0].id, [{"start": 0, "end": 4, "label": "PER"}])
        rows = session.export(tmp_path / "out.csv").read_text().splitlines()
    assert "'=Ada met Bob" in rows[1]
    assert '"[{""start"": 0, ""end"": 4, ""label"": ""PER"", ""text"": ""=Ada""}]"' in rows[1]


def test_wrong_spans_are_refused_by_the_session_and_nothing_is_saved(tmp_path: Path) -> None:
    with start("tagging", tmp_path / "s.alw", ["👍🏽 Ada met Bob"]) as session:
        doc = session.next()[0].id
        with pytest.raises(LabelError, match=f'Document "{doc}"') as caught:
            session.record(doc, [{"start": 4, "end": 7, "label": "PER", "text": "Ada"}])
        assert 'the document says "da " there' in str(caught.value)
        assert session.status.labelled == 0
        assert session.record(doc, [{"start": 3, "end": 6, "label": "PER", "text": "Ada"}]).value[0]["text"] == "Ada"


def test_overlap_is_remembered(tmp_path: Path) -> None:
    both = [{"start": 0, "end": 7, "label": "PER"}, {"start": 0, "end": 3, "label": "LOC"}]
    with start("tagging", tmp_path / "s.alw", ["Ada Bob", "x"], overlap=True) as session:
        doc = session.pool[0].id
        assert [s["text"] for s in session.record(doc, both).value] == ["Ada", "Ada Bob"]
    with alw.open(tmp_path / "s.alw", ["Ada Bob", "x"], model=SmallTagger()) as session:
        session.record(doc, both)
        assert session.task.overlap
    with (
        start("tagging", tmp_path / "t.alw", ["Ada Bob", "x"]) as session,
        pytest.raises(LabelError, match="overlap=True"),
    ):
        session.record(doc, both)


def test_spans_may_be_made_of_characters_and_a_resumed_session_remembers(tmp_path: Path) -> None:
    data = ["東京に 👩‍🚀", "né"]
    with start("tagging", tmp_path / "s.alw", data, span_unit="characters") as session:
        words = [data[0][a:b] for a, b in words_at(session.pool, 0)]
        assert words == ["東", "京", "に", "👩‍🚀"]
    with alw.open(tmp_path / "s.alw", data, model=SmallTagger()) as session:
        assert [data[1][a:b] for a, b in words_at(session.pool, 1)] == ["n", "é"]
    with pytest.raises(ArgumentError, match='"words" or "characters"'):
        start("tagging", tmp_path / "t.alw", data, span_unit="letters")


def test_a_tagger_on_a_masked_language_model_is_asked_by_alps_from_the_first_round(tmp_path: Path) -> None:
    learner = FrozenTagger(make_masked(tmp_path / "model"), cache_dir=tmp_path / "cache", device="cpu", dtype="fp32")
    with start("tagging", tmp_path / "s.alw", model=learner, strategy="alps", batch_size=5) as session:
        result = session.train(wait=True)
        assert (result.strategy, result.notes, len(result.entries)) == ("alps", (), 5)


def test_arguments_that_do_not_fit_the_task(tmp_path: Path) -> None:
    for options, said in (
        ({"task": "generation", "labels": ["a"]}, "takes no labels"),
        ({"task": "multilabel", "overlap": True}, "overlap=True is about spans"),
        ({"task": "tagging", "strategy": "breaking-ties"}, "not for tagging"),
        ({"task": "tagging", "batch_unit": "words"}, "batch_unit='words'"),
        ({"task": "tagging", "overlap": 1}, "overlap=1"),
        ({"task": "tagging", "scheme": "IOB3", "labels": ["PER"], "label": "tags"}, "no tagging scheme"),
        ({"task": "tagging", "prelabel": "text"}, ""),
    ):
        data = [{"text": "Ada met", "tokens": ["Ada", "met"], "tags": ["B-PER", "O"]}]
        if not said:
            continue
        with pytest.raises(ArgumentError, match=said):
            alw.annotate(data, path=tmp_path / "s.alw", **{"strategy": "random", **options})
    with start("generation", tmp_path / "g.alw", labels=[]) as session:
        assert session.labels == ()
        assert not session.task.open_labels


def test_there_are_no_probabilities_where_there_are_no_labels(tmp_path: Path) -> None:
    for task, said in (("tagging", "confidence of each"), ("generation", "texts that it writes")):
        with start(task, tmp_path / task) as session, pytest.raises(SessionError, match=said):
            session.predict_proba(["a"])
    with start("multilabel", tmp_path / "m") as session:
        answer(session, 20)
        probs = session.predict_proba(["a cat", "a dog"])
        assert probs.shape == (2, 4)
        assert ((probs >= 0) & (probs <= 1)).all()
    with start("tagging", tmp_path / "n") as session:
        with pytest.raises(SessionError, match="nothing to predict from: no document"):
            session.predict(["a"])
        session.record(session.next()[0].id, [])
        with pytest.raises(SessionError, match="an answer with a span"):
            session.predict(["a"])


def test_labels_are_coined_in_spans(tmp_path: Path) -> None:
    with start("tagging", tmp_path / "s.alw", ["Ada met Bob"], labels=[]) as session:
        session.record(session.next()[0].id, [{"start": 0, "end": 3, "label": "hero"}])
        assert session.labels == ("hero",)
        assert session.train(wait=True).fitted  # type: ignore[union-attr]


TAGGED = [
    {"id": "a", "tokens": ["Ada", "met", "👍🏽", "Bob"], "ner_tags": ["B-PER", "O", "O", "B-PER"]},
    {"id": "b", "tokens": ["東京", "is", "big"], "ner_tags": ["B-LOC", "O", "O"]},
    {"id": "c", "tokens": ["nothing", "here"], "ner_tags": ["O", "O"]},
    {"id": "d", "tokens": ["short", "tags"], "ner_tags": ["O"]},
]


def test_tags_as_gold_answers(tmp_path: Path) -> None:
    with alw.annotate(
        TAGGED, task="tagging", label="ner_tags", path=tmp_path / "s.alw", model=SmallTagger(), strategy="random"
    ) as session:
        assert session.labels == ("LOC", "PER")
        said = {a.id: [s["text"] for s in a.value] for a in session.annotations}
        assert said == {"a": ["Ada", "Bob"], "b": ["東京"], "c": []}
        assert {a.origin for a in session.annotations} == {"imported"}
        assert [item.id for item in session.next(5)] == ["d"]
        assert any('document "d"' in notice for notice in session.notices)
        assert session.train(wait=True).fitted  # type: ignore[union-attr]


def test_tags_that_are_only_there_and_tags_to_look_over(tmp_path: Path) -> None:
    options: dict[str, Any] = {"task": "tagging", "strategy": "random"}
    with alw.annotate(TAGGED, path=tmp_path / "s.alw", model=SmallTagger(), **options) as session:
        assert session.labels == ("LOC", "PER")
        assert session.status.labelled == 0
        assert session.next()[0].suggestion is None
        assert any('label="ner_tags"' in notice for notice in session.notices)
    with alw.annotate(TAGGED, path=tmp_path / "p.alw", model=SmallTagger(), prelabel="ner_tags", **options) as session:
        items = {item.id: item for item in session.next(4)}
        assert items["a"].suggestion[0] == {"start": 0, "end": 3, "label": "PER", "text": "Ada", "confidence": None}
        assert (items["a"].origin, items["a"].confidence) == ("given", None)
        assert items["c"].suggestion == []
        assert (items["d"].suggestion, items["d"].origin) == (None, None)
        for doc in "abc":
            session.record(doc, items[doc].suggestion, origin="accepted")
        assert {a.origin for a in session.annotations} == {"accepted"}
        session.train(wait=True)
        last = session.next()[0]
        assert (last.suggestion, last.origin) == ([], "model")
        assert last.confidence is not None
    with pytest.raises(ArgumentError, match="No document has an answer in prelabel"):
        alw.annotate(alw.Pool.load(TAGGED, task="tagging"), path=tmp_path / "q.alw", prelabel="ner_tags", **options)


@pytest.mark.parametrize("task", ["classification", "multilabel", "tagging", "generation"])
def test_what_the_data_suggests_stays_until_it_is_answered(tmp_path: Path, task: str) -> None:
    """Half of the documents bring an answer to look over; the model suggests for the others."""
    kind = "multilabel" if task == "classification" else task
    several = ORACLES[kind]
    right = (lambda text: several(text)[0]) if task == "classification" else several
    wrong = {"classification": "hen", "multilabel": ["hen"], "tagging": [], "generation": "none at all"}[task]
    rows = [{"text": t, "guess": wrong if i % 2 else None} for i, t in enumerate(texts(60))]
    labels = {} if task == "generation" else {"labels": LABELS[kind]}
    model = "tf-idf" if task == "classification" else MODELS[task]()
    with alw.annotate(
        rows, task=task, prelabel="guess", path=tmp_path / "s.alw", model=model, strategy="random", **labels
    ) as session:
        bare = [item for item in session.next(60) if item.origin is None]
        assert len(bare) == 30
        for item in bare[:20]:
            session.record(item.id, right(item.text))
        assert session.train(wait=True).fitted  # type: ignore[union-attr]
        items = session.next(40)
        given = [item for item in items if item.origin == "given"]
        assert len(given) == 30
        assert all((item.suggestion, item.confidence, item.candidates) == (wrong, None, None) for item in given)
        others = [item for item in items if item.origin == "model"]
        assert len(others) == 10
        assert all(0 <= item.confidence <= 1 for item in others)  # type: ignore[operator]
        assert any(item.suggestion != wrong for item in others)
        session.record(given[0].id, given[0].suggestion, origin="accepted")
        assert session.undo() is not None
        again = session.next(1)[0]
        assert (again.id, again.origin) == (given[0].id, "given")


def test_no_text_is_written_where_the_data_brings_one(tmp_path: Path) -> None:
    class Asked(SmallWriter):
        seen: ClassVar[list[str]] = []

        def generate(self, documents: Any, **options: Any) -> Any:
            self.seen.extend(documents.texts)
            return super().generate(documents, **options)

    rows = [{"text": t, "guess": "a guess" if i % 2 else None} for i, t in enumerate(texts(30))]
    with alw.annotate(
        rows, task="generation", prelabel="guess", path=tmp_path / "s.alw", model=Asked(), strategy="random"
    ) as session:
        answer(session, 6)
        session.train(wait=True)
        items = session.next(24)
        assert {item.text for item in items if item.origin == "model"} == set(Asked.seen)
        assert {item.suggestion for item in items if item.origin == "given"} == {"a guess"}


def test_several_labels_and_summaries_as_gold_answers(tmp_path: Path) -> None:
    rows = [{"text": t, "labels": ORACLES["multilabel"](t), "summary": t[:9]} for t in texts(30)]
    with start("multilabel", tmp_path / "m", rows, labels=None, label="labels") as session:
        assert session.labels == tuple(sorted(ANIMALS))
        assert session.status.labelled == 30
    with start("generation", tmp_path / "g", rows, label="summary") as session:
        assert [a.value for a in session.annotations] == [t[:9] for t in texts(30)]


def test_batches_of_words(tmp_path: Path) -> None:
    with start("tagging", tmp_path / "s.alw", batch_unit="tokens", batch_size=100) as session:
        result = session.train(wait=True)
        assert result is not None
        assert len(session.next(80)) == 80
        assert 3 < result.batch < 15
    assert json.loads((tmp_path / "s.alw" / "session.json").read_text())["settings"]["batch_unit"] == "tokens"


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_pairs_go_through_everything(task: str, tmp_path: Path) -> None:
    rows = [{"premise": f"it is {i}", "hypothesis": f"it is {'' if i % 2 else 'not '}{i}"} for i in range(40)]
    labels = ["yes", "no"]
    with alw.annotate(rows, labels, task, path=tmp_path / "s.alw", model="tf-idf", strategy="random") as session:
        for item in session.next(30):
            label = "no" if "not" in str(item.text_pair) else "yes"
            session.record(item.id, label if task == "classification" else [label])
        session.train(wait=True)
        first = session.annotations[0]
        assert (first.text, first.text_pair) == (rows[0]["premise"], rows[0]["hypothesis"])
        found = session.predict(["it is 3"] * 2, text_pair=["it is 3", "it is not 3"])
        assert found == (["yes", "no"] if task == "classification" else [["yes"], ["no"]])
        out = read(session.export(tmp_path / "out.jsonl"))
        assert out[0]["text_pair"] == rows[0]["hypothesis"]
        with pytest.raises(ArgumentError, match="2 texts and 1 second"):
            session.predict(["a", "b"], text_pair=["c"])
    assert set(alw.load_annotations(tmp_path / "s.alw")["text_pair"]) <= {row["hypothesis"] for row in rows}


def test_a_model_that_only_reads_chooses_and_suggests_nothing(tmp_path: Path) -> None:
    with start("generation", tmp_path / "s.alw", model=Reader(TfIdf()), strategy="auto") as session:
        answer(session, 5)
        result = session.train(wait=True)
        assert result is not None
        assert (result.strategy, result.fitted) == ("idds", True)
        assert all(item.suggestion is None for item in session.next(5))
        with pytest.raises(SessionError, match="a model that does"):
            session.predict(["a"])
        session.strategy = "nsp"
        result = session.train(wait=True)
        assert result is not None
        assert result.strategy == "random"
        assert "encoder-decoder" in result.notes[0]


@pytest.mark.parametrize("strategy", ["auto", "entropy", "breaking-ties", "idds"])
def test_several_labels_are_learnt_by_counted_words(strategy: str, tmp_path: Path) -> None:
    with start("multilabel", tmp_path / "s.alw", model="tf-idf", strategy=strategy, batch_size=10) as session:
        for _ in range(4):
            answer(session, 10)
            session.train(wait=True)
        assert session.status.error is None
        new = texts(200)[-30:]
        right = sum(a == ORACLES["multilabel"](t) for a, t in zip(session.predict(new), new, strict=True))
        assert right >= 15
        item = session.next()[0]
        assert item.why["text"]  # type: ignore[index]
        assert set(item.suggestion) <= set(ANIMALS)


@pytest.mark.parametrize("strategy", ["mnlp", "token-entropy", "bald", "badge", "alps", "tyrogue", "random"])
def test_every_strategy_for_spans_runs_in_a_session(strategy: str, tmp_path: Path) -> None:
    with start("tagging", tmp_path / "s.alw", strategy=strategy, batch_size=10) as session:
        for _ in range(3):
            answer(session, 10)
            result = session.train(wait=True)
        assert result is not None
        assert result.strategy == ("random" if strategy == "alps" else strategy), result.notes
        assert len({item.id for item in session.next(20)}) == 20


@pytest.mark.parametrize("strategy", ["nsp", "ensp", "bleuvar", "idds", "random"])
def test_every_strategy_for_writing_runs_in_a_session(strategy: str, tmp_path: Path) -> None:
    with start("generation", tmp_path / "s.alw", strategy=strategy, batch_size=10) as session:
        for _ in range(3):
            answer(session, 10)
            result = session.train(wait=True)
        assert result is not None
        assert result.strategy == strategy, result.notes
        assert session.next()[0].candidates is not None
