"""Every file that is written here can be read here, and a model's labels never come back as a person's."""

from __future__ import annotations

import datasets
import pandas as pd
import pytest

import alwidget as alw
from alwidget.learners import TfIdf
from alwidget.reuse.material import gather
from alwidget.reuse.run import plasm

KEYS = {"classification": "label", "multilabel": "labels", "tagging": "spans"}
N, KNOWN = 60, 36


def learner(task):
    if task == "tagging":
        return "encoder:all-MiniLM-L6-v2"
    return "tf-idf"


@pytest.fixture(scope="module", params=KEYS)
def run(request, tmp_path_factory):
    task = request.param
    data = alw.datasets.docstrings(task, n=N)
    data[KEYS[task]] = [value if i < KNOWN else None for i, value in enumerate(data[KEYS[task]])]
    out = tmp_path_factory.mktemp(task)
    return (
        task,
        data,
        plasm(
            data,
            task=task,
            label=KEYS[task],
            successor=learner(task),
            out=out,
            folds=0,
            progress=False,
        ),
    )


def readers(folder):
    return {
        "a table": lambda: pd.read_parquet(folder / "labels.parquet"),
        "a table of lines": lambda: pd.read_json(folder / "labels.jsonl", lines=True),
        "parquet": lambda: folder / "labels.parquet",
        "lines": lambda: folder / "labels.jsonl",
        "a list": lambda: pd.read_json(folder / "labels.jsonl", lines=True).to_dict("records"),
    }


def test_labels_come_back_with_who_gave_them(run):
    task, data, found = run
    first = gather(data, task=task, label=KEYS[task])
    for name, read in {"labels": lambda: found.labels, **readers(found.path / "successor")}.items():
        again = gather(read(), task=task, labels=list(first.task.labels))
        assert again.ids == first.ids, name
        assert again.answers == first.answers, name
        assert len(alw.Pool.load(read(), task=task)) == N, name


def test_who_gave_a_label_is_seen_beside_a_source_too(run):
    task, _, found = run
    table = found.labels.assign(source="here")
    assert len(gather(table, task=task).answers) == KNOWN


@pytest.mark.parametrize("task", KEYS)
def test_exports_of_a_session_come_back(task, tmp_path):
    data, key = alw.datasets.docstrings(task, n=N), KEYS[task]
    gold, labels = dict(zip(data["id"], data[key], strict=True)), alw.datasets.labels(task)
    model = TfIdf() if task != "tagging" else "bilstm-crf"
    with alw.annotate(
        data[["id", "text"]], labels, task=task, path=tmp_path / "s.alw", model=model, strategy="random"
    ) as session:
        for item in session.next(20):
            session.record(item.id, gold[item.id])
        wanted = gather(session)
        for kind in ("json", "jsonl", "csv", "parquet", "huggingface"):
            file = session.export(tmp_path / f"labels.{kind}", format=kind, include="labelled")
            again = gather(str(file), task=task, labels=labels)
            assert (again.ids, again.answers) == (wanted.ids[:20], wanted.answers), kind
        frames = {"pandas": session.to_pandas(), "dataset": session.to_dataset()}
    frames["from disk"] = datasets.load_from_disk(str(tmp_path / "labels.huggingface"))
    for name, frame in frames.items():
        assert gather(frame, task=task, labels=labels).answers == wanted.answers, name


def test_words_that_the_data_gives_are_kept(tmp_path):
    tokens = [["New-York", "is", f"no.{i}", "(large)"] for i in range(24)]
    tags = [["B-PLACE", "O", "O", "O"] if i < 16 else None for i in range(24)]
    data = pd.DataFrame({"id": [str(i) for i in range(24)], "tokens": tokens, "ner_tags": tags})
    found = plasm(data, task="tagging", successor=learner("tagging"), out=tmp_path, folds=0, holdout=0, progress=False)
    assert found.labels["tokens"].tolist() == tokens
    again = gather(found.labels, task="tagging")
    assert [[int(x) for x in row.ravel()] for row in again.documents.words] == [
        [int(x) for x in row.ravel()] for row in gather(data, task="tagging").documents.words
    ]


def test_an_answer_that_cannot_be_used_is_not_replaced_by_a_models(tmp_path):
    rows = [{"id": str(i), "text": f"text {i}", "label": "ab"[i % 2]} for i in range(10)]
    rows += [{"id": "odd", "text": "text odd", "label": "c"}, {"id": "new", "text": "text new", "label": None}]
    found = gather(rows, labels=["a", "b"])
    assert [found.ids[int(i)] for i in found.rest] == ["new"]


def test_a_session_whose_documents_are_gone(tmp_path):
    texts = [f"a good film {i}" if i % 2 else f"a bad film {i}" for i in range(30)]
    with alw.annotate(texts, labels=["good", "bad"], path=tmp_path / "s.alw", model="tf-idf") as session:
        for item in session.next(12):
            session.record(item.id, "good" if "good" in item.text else "bad")
        answered = {row.text for row in session.annotations}
    others = [text for text in texts if text not in answered] + ["a good film 99"]
    with alw.annotate(others, path=tmp_path / "s.alw") as session:
        found = plasm(session, successor="tf-idf", folds=0, progress=False)
    assert found.report.counts["human"] == 12
    assert set(found.labels["text"]) == {*texts, "a good film 99"}
