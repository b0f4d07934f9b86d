"""Successors of every architecture, and what becomes of data that is hardly any."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import alwidget as alw
from alwidget.errors import ArgumentError, ModelError, SessionError
from alwidget.learners import TfIdf
from alwidget.reuse.folders import locked, unlocked
from alwidget.reuse.run import plasm
from tiny_models import CLASSES, make_tiny, sentences

FLIPPED = 0.2


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def news():
    texts, y = sentences(120)
    return pd.DataFrame({"text": texts, "label": [CLASSES[c] if i < 60 else None for i, c in enumerate(y)]}), y


class Unwatched(TfIdf):
    looks = 0


class Flipping(TfIdf):
    """A labeller that gives every fifth document that it has not learned from the other label."""

    def predict_proba(self, documents, *, stop=None):
        """Return probabilities, some turned round."""
        probs = super().predict_proba(documents, stop=stop)
        turned = np.array([is_flipped(key) for key in documents.keys])
        probs[turned] = probs[turned][:, ::-1]
        return probs


def is_flipped(key: bytes) -> bool:
    return int.from_bytes(key[:4], "little") / 2**32 < FLIPPED


def test_what_was_flipped_is_dropped(tmp_path):
    n, people = 1000, 200
    texts, y = sentences(n)
    gold = [CLASSES[c] for c in y]
    data = pd.DataFrame({"text": texts, "label": [label if i < people else None for i, label in enumerate(gold)]})
    found = plasm(data, successor="tf-idf", labeller=Flipping(), out=tmp_path, progress=False)
    rows = found.labels.set_index("text")
    given, rest = rows[rows["origin"] == "human"], rows[rows["origin"] != "human"]
    assert given["label"].to_dict() == dict(zip(texts[:people], gold[:people], strict=True))
    wrong = rest["label"] != pd.Series(gold, index=texts)[rest.index]
    gone = rest["origin"] == "dropped"
    assert wrong.mean() == pytest.approx(FLIPPED, abs=0.05)
    share = found.report.about["error"]["share"]
    assert share == pytest.approx(FLIPPED, abs=0.1)
    assert wrong[gone].mean() >= 2 * wrong.mean()
    assert gone.sum() == round(share * len(rest))
    assert found.report.counts["human"] + found.report.counts["pseudo"] == people + len(rest) - gone.sum()


def test_a_fine_tuned_successor_loads_in_transformers(news, tiny, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    table, _ = news
    found = plasm(
        table, successor=f"finetune:{tiny}", labeller="tf-idf", folds=0, device="cpu", out=tmp_path, progress=False
    )
    place = found.path / "successor" / "model"
    model, words = AutoModelForSequenceClassification.from_pretrained(place), AutoTokenizer.from_pretrained(place)
    texts = table["text"].tolist()[-20:]
    logits = model(**words(texts, padding=True, return_tensors="pt")).logits
    said = [model.config.id2label[int(c)] for c in logits.argmax(dim=1)]
    assert said == found.predict(texts)
    assert np.isfinite(found.labels.query("origin != 'human'")["influence"]).all()
    assert set(found.labels["origin"]) >= {"human", "pseudo"}


def test_a_fine_tuned_tagger_loads_in_transformers(tiny, tmp_path):
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    data = alw.datasets.docstrings("tagging", n=50)
    data["spans"] = [spans if i < 30 else None for i, spans in enumerate(data["spans"])]
    found = plasm(
        data,
        task="tagging",
        successor=f"finetune:{tiny}",
        labeller=f"encoder:{tiny}",
        folds=0,
        device="cpu",
        out=tmp_path,
        progress=False,
    )
    place = found.path / "successor" / "model"
    model, words = AutoModelForTokenClassification.from_pretrained(place), AutoTokenizer.from_pretrained(place)
    shape = model(**words(data["text"].tolist()[:1], truncation=True, return_tensors="pt")).logits.shape
    assert set(model.config.id2label.values()) >= {"O", "B-name", "I-name"}
    assert shape[2] == len(model.config.id2label)
    assert len(found.labels) == 50
    assert np.isfinite(found.labels.query("origin != 'human'")["influence"]).all()


@pytest.mark.parametrize("successor", ["encoder", "learner", "function"])
def test_other_successors(news, tiny, tmp_path, successor):
    table, y = news
    spec = {"encoder": f"encoder:{tiny}", "learner": TfIdf(), "function": TfIdf}[successor]
    found = plasm(table, successor=spec, labeller="tf-idf", folds=2, out=tmp_path, progress=False)
    again = plasm(table, successor=spec, labeller="tf-idf", folds=2, out=tmp_path, progress=False)
    assert found.report.about == again.report.about, "nothing was made again"
    texts = table["text"].tolist()
    assert again.predict(texts) == found.predict(texts)
    right = np.mean([said == CLASSES[c] for said, c in zip(found.predict(texts), y, strict=True)])
    assert right > 0.85


def test_one_learner_may_play_both_parts(news, tmp_path):
    table, _ = news
    learner = TfIdf()
    one = plasm(table, successor=learner, labeller=learner, folds=2, out=tmp_path / "one", progress=False)
    two = plasm(table, successor="tf-idf", labeller="tf-idf", folds=2, out=tmp_path / "two", progress=False)
    pd.testing.assert_frame_equal(one.labels, two.labels)
    assert one.report.about["scores"] == two.report.about["scores"]


def test_nothing_left_to_label(news, tmp_path):
    table = news[0].dropna(subset=["label"])
    found = plasm(table, successor="tf-idf", out=tmp_path, progress=False)
    assert found.report.counts["pseudo"] == found.report.counts["dropped"] == 0
    assert "people's labels alone" in found.report.summary()
    assert set(found.labels["origin"]) == {"human"}
    scores = found.report.about["scores"]
    assert scores["successor"]["value"] == scores["successor without pseudo-labels"]["value"]
    assert found.report.to_html(tmp_path / "page.html").is_file()


def test_one_label_only(news, tmp_path):
    table = news[0].copy()
    table.loc[table["label"] == CLASSES[1], "label"] = None
    found = plasm(table, successor="tf-idf", out=tmp_path, progress=False)
    assert "all the same" in found.report.summary()
    assert set(found.labels["label"]) == {CLASSES[0]}


def test_few_labels(news, tmp_path):
    table = news[0].copy()
    table.loc[4:, "label"] = None
    found = plasm(table, successor="tf-idf", out=tmp_path, progress=False)
    assert found.report.about["scores"] == {}
    assert "a tenth" in found.report.summary()
    assert "not measured" in found.report.summary()
    assert found.report.counts["dropped"] == round(0.1 * 116)


def test_pairs(tmp_path):
    rows = [
        {"text": f"is it {i}?", "text_pair": "yes" if i % 2 else "no", "label": "YN"[1 - i % 2]} for i in range(60)
    ]
    data = pd.DataFrame(rows)
    data.loc[40:, "label"] = None
    found = plasm(data, successor="tf-idf", out=tmp_path, progress=False)
    assert found.labels["text_pair"].tolist() == [row["text_pair"] for row in rows]
    assert found.predict(["is it 99?"], ["yes"]) == ["Y"]


def test_all_parameters_tell_of_much_the_same_documents_as_the_last_layer(news, tmp_path):
    scores = [
        plasm(
            news[0],
            successor="textcnn",
            labeller="tf-idf",
            folds=0,
            influence=layers,
            out=tmp_path / layers,
            progress=False,
        )
        .labels.query("origin != 'human'")["influence"]
        .to_numpy()
        for layers in ("last", "all")
    ]
    assert np.isfinite(scores).all()
    assert not np.allclose(*scores)
    assert spearmanr(*scores).statistic > 0.5


def test_what_is_no_network_has_one_layer_only(news, tmp_path):
    with pytest.raises(ModelError, match="no gradients of all"):
        plasm(news[0], successor="tf-idf", influence="all", out=tmp_path, progress=False)
    with pytest.raises(ArgumentError, match="influence is"):
        plasm(news[0], successor="tf-idf", influence="some", out=tmp_path, progress=False)


def test_what_cannot_be_watched_is_refused_before_anything_is_trained(news, tmp_path):
    with pytest.raises(ModelError, match="clean=False"):
        plasm(news[0], successor=Unwatched(), labeller="tf-idf", out=tmp_path, progress=False)
    assert not (tmp_path / "labeller").exists()
    found = plasm(news[0], successor=Unwatched(), labeller="tf-idf", clean=False, out=tmp_path, progress=False)
    assert found.report.counts["dropped"] == 0


def test_folders_of_others_are_left_alone(news, tmp_path):
    (tmp_path / "pseudo").mkdir()
    (tmp_path / "pseudo" / "mine.txt").write_text("mine")
    with pytest.raises(alw.errors.StorageError, match="was not made here"):
        plasm(news[0], successor="tf-idf", folds=0, out=tmp_path, progress=False)
    assert (tmp_path / "pseudo" / "mine.txt").read_text() == "mine"
    lock = locked(tmp_path)
    try:
        with pytest.raises(SessionError, match="Another process"):
            plasm(news[0], successor="tf-idf", out=tmp_path, progress=False)
    finally:
        unlocked(lock)
