"""The docstring corpora with spans, with several labels, and with a text to write."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from alwidget import datasets
from alwidget.datasets import multilabel, tagging
from alwidget.datasets.harvest import Docstring
from alwidget.datasets.parameters import parameters

TASKS = ("multilabel", "tagging", "generation")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def corpora(cache):
    return {task: datasets.docstrings(task, cache_dir=cache) for task in TASKS}


@pytest.mark.parametrize(
    ("task", "answer", "least"),
    [("multilabel", "labels", 5000), ("tagging", "spans", 3500), ("generation", "target", 1400)],
)
def test_rows_are_whole_readable_and_enough(task, answer, least, corpora):
    corpus = corpora[task]
    assert list(corpus.columns) == ["id", "text", answer]
    assert len(corpus) >= least
    assert corpus["id"].is_unique
    assert corpus["text"].is_unique
    assert corpus["text"].str.len().between(10, 900).all()
    assert corpus["text"].map(lambda text: text == text.strip()).all()
    assert set(corpus["id"].str.partition(".")[0]) == {"numpy", "scipy", "pandas", "sklearn"}
    assert not corpus["text"].str.contains(r":\w+:`|``|>>> |\.\. versionadded", regex=True).any()


@pytest.mark.parametrize("task", TASKS)
def test_same_seed_same_frame_and_a_head_is_a_prefix(task, corpora, cache):
    assert datasets.docstrings(task, cache_dir=cache).equals(corpora[task])
    assert datasets.docstrings(task, n=50, cache_dir=cache).equals(corpora[task].head(50))
    other = datasets.docstrings(task, seed=1, cache_dir=cache)
    assert list(other["id"]) != list(corpora[task]["id"])
    assert set(other["id"]) == set(corpora[task]["id"])


def test_other_processes_build_the_same_corpora(tmp_path, cache, corpora):
    """Another hash seed and an empty cache give the same files, byte for byte, without a word and without torch."""
    code = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        "from alwidget import datasets\n"
        f"for task in {TASKS}: datasets.docstrings(task, cache_dir={str(tmp_path)!r})\n"
        "assert not {'torch', 'matplotlib.pyplot', 'transformers'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONHASHSEED": "7"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    files = sorted(path.name for path in cache.glob("*.json"))
    assert files == sorted(path.name for path in tmp_path.glob("*.json"))
    assert len(files) == len(TASKS)
    assert all((cache / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


# Tagging --------------------------------------------------------------------------------------------------------------


def test_every_span_is_what_it_says_and_none_overlap(corpora):
    for row in corpora["tagging"].itertuples():
        ends = 0
        for span in row.spans:
            assert set(span) == {"start", "end", "label", "text"}
            assert ends <= span["start"] < span["end"] <= len(row.text), row
            assert row.text[span["start"] : span["end"]] == span["text"], row
            assert span["text"] == span["text"].strip(" ,;")
            ends = span["end"]


def test_every_span_lies_where_its_label_belongs(corpora):
    for row in corpora["tagging"].itertuples():
        for span in row.spans:
            begin = row.text.rfind("\n", 0, span["start"]) + 1
            line = row.text[begin : (row.text + "\n").index("\n", span["end"])]
            before = row.text[begin : span["start"]]
            if span["label"] == "name":
                assert span["text"].isidentifier(), row
                assert ":" not in before
            elif span["label"] == "type":
                assert not line.startswith(" ")
                assert before.endswith(" : "), row
                assert "default" not in span["text"].lower()
            else:
                assert "efault" in before, row
        heads = [line for line in row.text.split("\n") if not line.startswith(" ")]
        assert Counter(span["label"] for span in row.spans)["type"] == len(heads)


def test_every_label_is_common_enough_to_be_learned(corpora):
    counts = Counter(span["label"] for spans in corpora["tagging"]["spans"] for span in spans)
    assert set(counts) == set(datasets.labels("tagging"))
    assert min(counts.values()) >= 2000


def test_no_default_in_the_text_goes_without_a_span(corpora):
    for row in corpora["tagging"].itertuples():
        assert row.text.lower().count("default") >= sum(span["label"] == "default" for span in row.spans)
        for line in row.text.split("\n"):
            if not line.startswith(" ") and " default" in line:
                assert any(span["label"] == "default" and span["text"] in line for span in row.spans), row


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("axis : int, default 0", (("axis",), "int", "0", True)),
        ("axis : int, optional (default=0)", (("axis",), "int", "0", True)),
        ("a, b : array_like, shape (N,)", (("a", "b"), "array_like, shape (N,)", "", False)),
        ("mode : {'a', 'b'}, default='a'", (("mode",), "{'a', 'b'}", "'a'", True)),
        ("mode : {'a', 'b'}, \\\n        default='a'", (("mode",), "{'a', 'b'}", "'a'", True)),
        ("x : float, default: 1e-4", (("x",), "float", "1e-4", True)),
        ("n : int, default 0.5 (50% quantile)", None),
        ("**kwargs", (("kwargs",), "", "", False)),
        ("out : :class:`~numpy.ndarray`, optional", (("out",), "ndarray", "", True)),
        ("f : callable ``f(x, *args)``", (("f",), "callable f(x, *args)", "", False)),
        ("freq : str, default", None),
        ("x : {1, 2", None),
        ("This is no entry at all.", None),
    ],
)
def test_an_entry_is_taken_apart_or_left_out(entry, expected):
    found = parameters(f"Sum.\n\nParameters\n----------\n{entry}\n    What it is.\n\nReturns\n-------\ny : int")
    got = [(p.names, p.type, p.default, p.optional) for p in found if p.description == "What it is."]
    assert got == ([] if expected is None else [expected])


def test_a_default_in_the_text_is_found_and_a_doubtful_one_leaves_the_entry_out(monkeypatch):
    doc = (
        "Sum.\n\nParameters\n----------\n"
        "🙂axis : int\n    No name begins so.\n"
        "café : str, optional\n    What to drink 🙂. Default is 'latte'.\n"
        "b : int\n    By default the last one.\n"
        "c : bool\n    Defaults to the axis.\n"
        "d : float\n    Default: 0.5.\n"
    )
    monkeypatch.setattr(tagging, "documented", lambda: [Docstring("m", "f", doc)])
    (record,) = tagging.build()
    assert (
        record["text"]
        == "café : str, optional\n    What to drink 🙂. Default is 'latte'.\nd : float\n    Default: 0.5."
    )
    assert [(span["label"], span["text"]) for span in record["spans"]] == [
        ("name", "café"),
        ("type", "str"),
        ("default", "'latte'"),
        ("name", "d"),
        ("type", "float"),
        ("default", "0.5"),
    ]


def test_a_cache_with_a_span_that_moved_is_built_again(cache, corpora, tmp_path):
    (good,) = cache.glob("docstrings-tagging-*.json")
    rows = json.loads(good.read_text(encoding="utf-8"))
    rows[3]["spans"][0]["start"] += 1
    (tmp_path / good.name).write_text(json.dumps(rows), encoding="utf-8")
    assert datasets.docstrings("tagging", cache_dir=tmp_path).equals(corpora["tagging"])
    assert (tmp_path / good.name).read_bytes() == good.read_bytes()


# Several labels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("int", ["number"]),
        ("int or None", ["number", "none"]),
        ("{'a', 'b'}", ["text"]),
        ("bool or array-like of shape (n, m) or int", ["number", "truth", "array"]),
        ("str, list of str, or callable", ["text", "sequence", "function"]),
        ("positive int", ["number"]),
        ("2-D array_like", ["array"]),
        ("dtype", []),
        ("dtype or str", ["text"]),
        ("flux capacitor", None),
        ("int or flux capacitor", None),
        ("", None),
    ],
)
def test_kinds_are_read_from_a_type_or_not_at_all(written, expected):
    assert multilabel.kinds(written) == expected


def test_label_sets_are_in_order_some_empty_some_large(corpora):
    order = list(datasets.labels("multilabel"))
    sizes, counts = Counter(), Counter()
    for labels in corpora["multilabel"]["labels"]:
        assert labels == [name for name in order if name in labels]
        sizes[len(labels)] += 1
        counts.update(labels)
    assert sizes[0] >= 50
    assert sum(n for size, n in sizes.items() if size > 1) >= 700
    assert set(counts) == set(order)
    assert min(counts.values()) >= 40


# Written text ---------------------------------------------------------------------------------------------------------


def test_a_summary_is_short_and_no_copy(corpora):
    corpus = corpora["generation"]
    assert corpus["target"].is_unique
    for row in corpus.itertuples():
        assert 2 <= len(row.target.split()) <= 30, row
        assert row.target.endswith("."), row
        assert "\n" not in row.target
        assert row.target.rstrip(".").lower() not in row.text.lower(), row
    assert datasets.labels("generation") == {}
