"""Documents that come as words, and answers that come with documents: what is read, what is left out and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget import tasks
from alwidget.errors import DataError
from alwidget.given import GivenAnswers
from alwidget.pool import Pool, content_hash
from alwidget.pool.tokens import flat, joined, located

ROWS = [
    {"tokens": ["Ada", "met", "Bob", "."], "ner_tags": ["B-PER", "O", "B-PER", "O"]},
    {"tokens": ["👍🏽", "Zu\u0308rich", "東京"], "ner_tags": ["O", "B-LOC", "I-LOC"]},
]


def slices(pool: Pool, index: int) -> list[str] | None:
    words = pool.given_words(index)
    return None if words is None else [pool[index].text[a:b] for a, b in words]


def answers(pool: Pool, task: str = "tagging", labels: Any = ("PER", "LOC"), **options: Any) -> list[Any]:
    bound = tasks.get(task, labels)
    found = GivenAnswers(pool, bound, **options)
    return [found.of(document, bound) for document in pool]


def test_words_alone_are_joined_by_spaces() -> None:
    pool = Pool.load(ROWS, task="tagging")
    assert [document.text for document in pool] == ["Ada met Bob .", "👍🏽 Zu\u0308rich 東京"]
    assert [slices(pool, i) for i in range(2)] == [row["tokens"] for row in ROWS]
    assert pool.given_words(0).dtype == np.int32  # type: ignore[union-attr]
    assert pool.columns == {"label": "ner_tags", "tokens": "tokens"}
    assert pool[0].key == content_hash("Ada met Bob .")
    assert pool.problems == []
    assert [[span["text"] for span in value] for value in answers(pool)] == [["Ada", "Bob"], ["Zu\u0308rich 東京"]]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4), min_size=1, max_size=8))
def test_every_word_is_where_it_is_said_to_be(tokens: list[str]) -> None:
    text, places = joined(tokens)
    words = [token for token in tokens if token and not token.isspace()]
    edges = flat(places, tokens)
    assert [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)] == words
    for whole in (text, "".join(tokens), "\n".join(words)):
        found = located(words, whole)
        # a word that begins with white space may be found further on, or not at all; never elsewhere
        if not isinstance(found, str):
            assert [whole[a:b] for a, b in found] == words
        else:
            assert any(word != word.strip() for word in words) or whole.split() != " ".join(words).split()


def test_words_are_found_in_the_text() -> None:
    rows = [{"text": "Ada  met\r\nBob.", **ROWS[0]}, {"text": "Ada met Eva.", **ROWS[0]}]
    pool = Pool.load(rows, task="tagging")
    assert slices(pool, 0) == ["Ada", "met", "Bob", "."]
    assert slices(pool, 1) is None
    first, second = answers(pool)
    assert [(s["start"], s["text"]) for s in first] == [(0, "Ada"), (10, "Bob")]
    assert second is None
    assert str(pool.problems[0]) == (
        f'data[1]: document "{pool[1].id}": the word "Bob" is not in the text behind character 8; its words are found '
        "anew, and tags of words are left out"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Ada met Bob", 'the word "." is not in the text'),
        ("Ada met Bob . Then", "the words end at character 13"),
        ("Ada has met Bob .", 'the word "met" is not in the text behind character 4'),
        ("ada met Bob .", 'the word "Ada" is not in the text behind character 0'),
    ],
)
def test_words_are_never_guessed(text: str, why: str) -> None:
    pool = Pool.load([{"text": text, **ROWS[0]}], task="tagging")
    assert slices(pool, 0) is None
    assert why in str(pool.problems[0])
    assert answers(pool) == [None]


def test_tags_of_another_length_are_left_out_and_said() -> None:
    rows = [{"id": "x", "tokens": ["Ada", "met"], "ner_tags": ["B-PER"]}, {"id": "y", **ROWS[0]}]
    pool = Pool.load(rows, task="tagging")
    assert 'document "x": "ner_tags" has 1 tags for 2 words' in str(pool.problems[0])
    first, second = answers(pool)
    assert first is None
    assert len(second) == 2
    with pytest.raises(DataError, match="1 tags for 2 words"):
        Pool.load(rows, task="tagging", strict=True)


def test_blank_words_are_no_words_and_their_tags_go_with_them() -> None:
    pool = Pool.load([{"tokens": ["Ada", "", " ", "Bob"], "tags": ["B-PER", "O", "O", "B-LOC"]}], task="tagging")
    assert slices(pool, 0) == ["Ada", "Bob"]
    assert [(s["text"], s["label"]) for s in answers(pool)[0]] == [("Ada", "PER"), ("Bob", "LOC")]


def test_rows_without_words() -> None:
    pool = Pool.load(
        [ROWS[0], {"tokens": []}, {"tokens": None}, {"tokens": [" "]}, {"tokens": [1, 2]}], task="tagging"
    )
    assert len(pool) == 1
    assert [problem.kind for problem in pool.problems] == ["empty", "empty", "empty", "not-text"]
    with pytest.raises(DataError, match="all 1 rows were set aside"):
        Pool.load([{"tokens": [], "id": "a"}], tokens="tokens", task="tagging")


@pytest.mark.parametrize(
    ("tags", "scheme", "spans", "said"),
    [
        (["B-PER", "I-LOC", "O", "O"], None, [("Ada", "PER"), ("met", "LOC")], True),
        (["B-PER", "I-PER", "O", "I-LOC"], "IOB2", [("Ada met", "PER"), (".", "LOC")], True),
        (["I-PER", "I-LOC", "O", "O"], None, [("Ada", "PER"), ("met", "LOC")], False),
        (["U-PER", "O", "B-LOC", "L-LOC"], None, [("Ada", "PER"), ("Bob .", "LOC")], False),
        (["B-PER", "E-PER", "O", "S-LOC"], None, [("Ada met", "PER"), (".", "LOC")], False),
    ],
)
def test_schemes_and_tags_that_are_not_well_formed(tags: Any, scheme: Any, spans: Any, said: bool) -> None:
    pool = Pool.load([{"id": "x", "tokens": ROWS[0]["tokens"], "tags": tags}], task="tagging")
    assert [(s["text"], s["label"]) for s in answers(pool, scheme=scheme)[0]] == spans
    assert ['document "x": its tags are not well formed' in str(p) for p in pool.problems] == [True] * said
    answers(pool, scheme=scheme)
    assert len(pool.problems) == said


def test_a_scheme_that_the_tags_are_not_of_is_reported() -> None:
    pool = Pool.load([{"id": "x", "tokens": ["Ada"], "tags": ["U-PER"]}], task="tagging")
    assert answers(pool, scheme="IOB2") == [None]
    assert 'document "x"' in str(pool.problems[0])


def test_tags_that_are_numbers_need_their_names(tmp_path: Path) -> None:
    import datasets
    import pyarrow.parquet as pq

    names = ["O", "B-PER", "I-PER"]
    rows = {"tokens": [["Ada", "met"]], "ner_tags": [[1, 0]]}
    features = datasets.Features(
        {"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": datasets.Sequence(datasets.ClassLabel(names=names))}
    )  # fmt: skip
    dataset = datasets.Dataset.from_dict(rows, features=features)
    dataset.to_parquet(str(tmp_path / "a.parquet"))
    for data in (dataset, tmp_path / "a.parquet"):
        assert [s["text"] for s in answers(Pool.load(data, task="tagging"))[0]] == ["Ada"]
    pq.write_table(pq.read_table(tmp_path / "a.parquet").replace_schema_metadata(), tmp_path / "b.parquet")
    pool = Pool.load(tmp_path / "b.parquet", task="tagging")
    with pytest.raises(DataError, match="holds numbers where tags are due"):
        answers(pool)
    assert answers(pool, named=False) == [None]


@pytest.mark.parametrize(
    "given",
    [
        [{"start": 0, "end": 3, "label": "PER"}],
        [{"start": 0, "end": 3, "label": "PER", "text": "Ada"}],
        [{"span": [0, 3], "type": "PER", "name": "Ada"}],
        [[0, 3, "PER"]],
        {"entities": [[0, 3, "PER"]]},
        {"start": [0], "end": [3], "label": ["PER"]},
        '[{"start": 0, "end": 3, "label": "PER"}]',
    ],
)
def test_spans_in_the_forms_that_people_have(given: Any) -> None:
    pool = Pool.load([{"text": "Ada met Bob.", "entities": given}], task="tagging")
    assert answers(pool) == [[{"start": 0, "end": 3, "label": "PER", "text": "Ada"}]]


def test_spans_that_cannot_be_used_are_left_out_and_said() -> None:
    wrong = [
        [{"start": 0, "end": 30, "label": "PER"}],
        [{"start": 0, "end": 3, "label": "PER", "text": "Bob"}],
        [{"start": 0, "end": 7, "label": "PER"}, {"start": 4, "end": 11, "label": "PER"}],
        [{"start": 0, "end": 3, "label": "NOPE"}],
        ["B-PER"],
        "PER",
    ]
    rows = [{"id": f"d{i}", "text": "Ada met Bob.", "spans": each} for i, each in enumerate([*wrong, [], None])]
    pool = Pool.load(rows, task="tagging")
    assert answers(pool) == [None] * 6 + [[], None]
    assert [problem.where for problem in pool.problems] == [f'document "d{i}"' for i in range(6)]
    assert {problem.kind for problem in pool.problems} == {"label"}
    assert all("\n" not in str(problem) for problem in pool.problems)


def test_several_labels_in_the_forms_that_people_have() -> None:
    rows = [
        {"text": "one", "labels": ["b", "a"]},
        {"text": "two", "labels": []},
        {"text": "three", "labels": '["a"]'},
        {"text": "four", "labels": "b"},
        {"text": "five", "labels": None},
        {"text": "six", "labels": np.array(["a"])},
        {"id": "7", "text": "seven", "labels": ["c"]},
    ]
    pool = Pool.load(rows, task="multilabel")
    assert answers(pool, "multilabel", ["a", "b"]) == [["a", "b"], [], ["a"], ["b"], None, ["a"], None]
    assert [problem.kind for problem in pool.problems if problem.kind == "label"] == ["label"]
    assert GivenAnswers(pool, tasks.get("multilabel")).labels() == ["a", "b", "c"]


def test_columns_are_found_by_what_the_task_calls_them() -> None:
    rows = [
        {
            "document": "a long text",
            "summary": "short",
            "tokens": ["a", "long", "text"],
            "label": "x",
            "labels": ["O"] * 3,
        }
    ]
    found = {task: Pool.load(rows, task=task).columns for task in tasks.names()}
    assert found["classification"] == {"text": "document", "label": "label"}
    assert found["multilabel"] == {"text": "document", "label": "labels"}
    assert found["generation"] == {"text": "document", "label": "summary"}
    assert found["tagging"] == {"text": "document", "label": "labels", "tokens": "tokens"}
    pool = Pool.load([{"source": "a long text", "target": " two\nlines "}], task="generation")
    assert pool.columns == {"text": "source", "label": "target"}
    assert answers(pool, "generation", ()) == [" two\nlines "]
    assert Pool.load([{"text": "a", "source": "b", "target": "c"}], task="generation").columns["source"] == "source"


def test_a_large_pool_keeps_its_words_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alwidget.pool.build._SPILL_ROWS", 500)
    monkeypatch.setattr("alwidget.pool.build._BATCH_ROWS", 200)
    file = tmp_path / "many.jsonl"
    with file.open("w") as out:
        for i in range(1500):
            tokens = [f"w{i}", *["x"] * (i % 4)]
            out.write(json.dumps({"id": str(i), "tokens": tokens, "tags": ["B-PER", *["O"] * (i % 4)]}) + "\n")
    for _ in range(2):
        pool = Pool.load(file, task="tagging", cache_dir=tmp_path / "cache")
        assert [slices(pool, i) for i in (0, 499, 1499)] == [["w0"], ["w499", *["x"] * 3], ["w1499", *["x"] * 3]]
        assert answers(pool)[1499][0]["text"] == "w1499"
        assert pool.to_dataset()["words"][3] == [0, 2, 3, 4, 5, 6, 7, 8]
    other = Pool.load(file, tokens=False, text="id", task="tagging", cache_dir=tmp_path / "cache")
    assert other.given_words(3) is None
    assert other[3].text == "3"
