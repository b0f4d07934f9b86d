"""The real corpora: every file is read to the letter."""

from __future__ import annotations

import gzip
import json

import pytest

from alwidget.pool import Pool, content_hash

FILES = [
    *("agnews", "agnews_extra", "csabstruct", "goemotions", "nli_counterfactual", "nli_hans", "nli_multisource"),
    *("nli_zh_annotators", "sa_counterfactual", "sst2", "subj", "trec", "zh_hotel_reviews", "abssum_debate"),
]


@pytest.mark.parametrize("name", FILES)
def test_a_corpus_is_read_to_the_letter(name, data_dir):
    path = data_dir / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; ALWIDGET_DATA names the folder of the corpora")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    kept = [row for row in rows if row["text"].strip()]
    pool = Pool.load(path, cache_dir=None, progress=False)
    assert pool.name == name
    assert [d.text for d in pool] == [row["text"] for row in kept]
    assert [d.id for d in pool] == [row["id"] for row in kept]
    assert [d.text_pair for d in pool] == [row.get("text_pair") for row in kept]
    assert [d.source for d in pool] == [row["source"] for row in kept]
    assert [d.key for d in pool] == [content_hash(row["text"], row.get("text_pair")) for row in kept]
    assert pool.set_aside == len(rows) - len(kept)
    assert {problem.kind for problem in pool.problems} <= {"empty"}
    first: dict[bytes, int] = {}
    for document in pool:
        wanted = first.setdefault(document.key, document.index)
        assert pool.duplicate_of[document.index] == (-1 if wanted == document.index else wanted)
    if "label" in rows[0]:
        assert [pool.given_label(i) for i in range(len(pool))] == [row["label"] for row in kept]
    if "text_pair" in rows[0]:
        assert pool.columns["text_pair"] == "text_pair"


@pytest.mark.parametrize("name", ["conll2003", "ja_wiki_ner"])
def test_tokens_are_not_taken_for_text(name, data_dir):
    path = data_dir / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; ALWIDGET_DATA names the folder of the corpora")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    if "text" in rows[0]:
        assert [d.text for d in Pool.load(path)] == [row["text"] for row in rows]
    else:
        with pytest.raises(ValueError, match=r"Its columns: id, .*tokens"):
            Pool.load(path)
