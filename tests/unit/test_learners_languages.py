"""Models of many languages: they are told which, and what they learn to write begins with that language's token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alwidget as alw
from alwidget.errors import ModelError
from alwidget.learners import Seq2Seq
from tiny_writers import headlines, make_polyglot, make_writer

QUICK: dict[str, Any] = {
    "device": "cpu", "learning_rate": 3e-3, "batch_size": 32, "min_steps": 0, "max_length": 64, "max_target": 16,
    "beams": 2, "label": "tiny",
}  # fmt: skip
KINDS = ["mbart", "mbart50"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_without_a_language_nothing_is_trained(kind: str, tmp_path: Path) -> None:
    folder = make_polyglot(tmp_path / kind, kind)
    for given in ({}, {"source_language": "en_XX"}, {"target_language": "ro_RO"}):
        learner = Seq2Seq(folder, **QUICK, **given)
        with pytest.raises(ModelError, match=r"source_language=…, target_language=….*ar_AR, .*cs_CZ") as caught:
            learner.fit(headlines(4), seed=0)
        assert "tiny reads and writes many languages" in str(caught.value)


def test_a_language_that_the_model_does_not_know_is_named(tmp_path: Path) -> None:
    folder = make_polyglot(tmp_path / "m")
    with pytest.raises(ModelError, match=r'no language "ro_RP"\. Did you mean "ro_RO"'):
        Seq2Seq(folder, **QUICK, source_language="en_XX", target_language="ro_RP").prepare()


def test_languages_of_a_model_without_any_are_refused(tmp_path: Path) -> None:
    learner = Seq2Seq(make_writer(tmp_path / "bart"), **QUICK, target_language="ro_RO")
    with pytest.raises(ModelError, match="has no languages to choose from"):
        learner.prepare()


def test_documents_and_texts_carry_their_languages(kind: str, tmp_path: Path) -> None:
    learner = Seq2Seq(make_polyglot(tmp_path / kind, kind), **QUICK, source_language="de_DE", target_language="ro_RO")
    learner.prepare()
    code = learner._targets.inner.lang_code_to_id
    some = headlines(3)
    at = -1 if kind == "mbart" else 0
    for tokeniser, texts, language in (
        (learner._sources, some.documents.texts, "de_DE"),
        (learner._targets, some.y, "ro_RO"),
    ):
        tokens = tokeniser(texts)
        rows = np.split(tokens.ids, tokens.offsets[1:-1])
        assert [int(row[at]) for row in rows] == [code[language]] * 3
        assert code["en_XX"] not in tokens.ids


def test_it_learns_to_shorten_in_the_language_that_was_named(kind: str, tmp_path: Path) -> None:
    folder = make_polyglot(tmp_path / kind, kind)
    learner = Seq2Seq(folder, **QUICK, epochs=20, patience=9, source_language="en_XX", target_language="ro_RO")
    learner.fit(headlines(300), seed=0)
    test = headlines(40, seed=9)
    found = learner.generate(test.documents)
    assert np.mean([a == b for a, b in zip(found.texts, test.y, strict=True)]) > 0.8
    target = learner._targets.inner.lang_code_to_id["ro_RO"]
    config = learner._model.generation_config
    begins = config.decoder_start_token_id if kind == "mbart" else config.forced_bos_token_id
    assert begins == target
    learner.save(tmp_path / "kept")
    again = Seq2Seq(tmp_path / "kept", **QUICK)
    assert again.generate(test.documents).texts == found.texts, "a checkpoint that says its languages needs no more"


def test_in_a_session_the_error_says_what_to_do(tmp_path: Path) -> None:
    folder = make_polyglot(tmp_path / "polyglot")
    texts = list(headlines(12).documents.texts)
    with alw.annotate(
        texts, task="generation", model=f"finetune:{folder}", path=tmp_path / "s.alw", strategy="random"
    ) as session:
        session.record(session.next()[0].id, "words")
        with pytest.raises(ModelError, match="target_language=…"):
            session.train(wait=True)
        assert "target_language=…" in (session.status.error or "")
    learner = Seq2Seq(folder, **QUICK, epochs=1, source_language="en_XX", target_language="en_XX")
    with alw.annotate(texts, task="generation", model=learner, path=tmp_path / "t.alw", strategy="random") as session:
        session.record(session.next()[0].id, "words")
        assert session.train(wait=True).fitted  # type: ignore[union-attr]
