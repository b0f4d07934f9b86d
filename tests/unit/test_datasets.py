"""The docstring corpus: what is in it, that it is the same every time, and that it does not give its labels away."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from alwidget import datasets
from alwidget.datasets import classification, harvest, prose, store, subjects
from alwidget.errors import ArgumentError


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def corpus(cache):
    return datasets.docstrings("classification", cache_dir=cache)


def test_the_corpus_is_large_enough_and_every_label_is_learnable(corpus):
    assert list(corpus.columns) == ["id", "text", "label"]
    assert len(corpus) >= 2000
    counts = Counter(corpus["label"])
    assert set(counts) == set(datasets.labels())
    assert min(counts.values()) >= 50
    assert max(counts.values()) < len(corpus) / 4


def test_ids_and_texts_are_unique_and_whole(corpus):
    assert corpus["id"].is_unique
    assert corpus["text"].is_unique
    assert not corpus.isna().any(axis=None)
    lengths = corpus["text"].str.len()
    assert lengths.min() >= 24
    assert lengths.max() <= 720


def test_all_four_libraries_are_in_it(corpus):
    assert set(corpus["id"].str.partition(".")[0]) == {"numpy", "scipy", "pandas", "sklearn"}


def test_the_text_does_not_give_the_label_away(corpus):
    paths = re.compile(r"\b(?:scipy|sklearn|numpy|pandas)\.\w")
    inner = re.compile(rf"\b(?:{'|'.join(datasets.labels())})\.[a-z_]\w*")
    for row in corpus.itertuples():
        assert not paths.search(row.text), row
        assert not inner.search(row.text), row
        assert "linear_model" not in row.text, row
        assert ">>>" not in row.text, row
        assert not re.search(r"^(See Also|Parameters|Examples)$", row.text, re.MULTILINE), row
        assert not re.search(r":\w+:`|``|^\.\. |-{4,}|={4,}", row.text, re.MULTILINE), row


def test_same_prose_never_stands_under_two_labels(corpus):
    labels = {}
    for row in corpus.itertuples():
        body = row.text.partition(": ")[2]
        assert labels.setdefault(body, row.label) == row.label


def test_same_seed_same_frame_and_a_head_is_a_prefix(corpus, cache):
    again = datasets.docstrings("classification", seed=0, cache_dir=cache)
    assert again.equals(corpus)
    assert datasets.docstrings(n=100, cache_dir=cache).equals(corpus.head(100))
    other = datasets.docstrings(seed=1, cache_dir=cache)
    assert not other.equals(corpus)
    assert set(other["id"]) == set(corpus["id"])


def test_more_rows_than_there_are_gives_all(corpus, cache):
    assert len(datasets.docstrings(n=10**9, cache_dir=cache)) == len(corpus)


def test_building_twice_gives_the_same_records(corpus):
    first, second = classification.build(), classification.build()
    assert first == second
    assert {record["id"] for record in first} == set(corpus["id"])


def test_building_is_silent_in_a_fresh_process(tmp_path):
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "from alwidget import datasets\n"
        f"frame = datasets.docstrings(cache_dir={str(tmp_path)!r})\n"
        "assert len(frame) > 2000\n"
        "import sys; assert 'matplotlib.pyplot' not in sys.modules; assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_cache_is_read_and_a_broken_one_is_built_again(tmp_path):
    calls = []

    def build():
        calls.append(1)
        return [{"id": "a", "text": "x", "label": "y"}]

    assert store.cached("c", build, cache_dir=tmp_path) == build()
    store.cached("c", build, cache_dir=tmp_path)
    assert len(calls) == 2  # one of them ours
    (file,) = tmp_path.glob("*.json")
    for broken in ("{", "[]", "[1]", '[{"id": 3}]', "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")):
        file.write_text(broken, encoding="latin-1")
        before = len(calls)
        assert store.cached("c", build, cache_dir=tmp_path)[0]["text"] == "x"
        assert len(calls) == before + 1
        assert json.loads(file.read_text())[0]["id"] == "a"


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    rows = [{"id": "a", "text": "x", "label": "y"}]
    assert store.cached("c", lambda: rows, cache_dir=blocked / "inside") == rows


def test_an_unknown_task_names_the_ones_there_are():
    with pytest.raises(ArgumentError, match='Did you mean "classification"'):
        datasets.docstrings("clasification")
    with pytest.raises(ArgumentError, match='"classification", "multilabel", "tagging", "generation"'):
        datasets.labels("nonsense")


@pytest.mark.parametrize("n", [0, -1, 2.5, "10", True])
def test_a_number_of_rows_that_makes_no_sense_is_refused(n):
    with pytest.raises(ArgumentError, match="whole number"):
        datasets.docstrings(n=n)


def test_available_names_the_corpora_and_their_tasks():
    assert datasets.available() == {"docstrings": ("classification", "multilabel", "tagging", "generation")}


def test_a_module_that_is_not_there_gives_nothing():
    assert harvest.harvest("scipy.no_such_module") == []


def test_harvest_takes_functions_classes_and_methods_but_no_guests():
    names = {found.name for found in harvest.harvest("sklearn.cluster")}
    assert {"KMeans", "KMeans.fit_predict", "k_means"} <= names
    assert not any(name.startswith("np") for name in names)
    assert {found.name for found in harvest.harvest("pandas:read_c*")} == {"read_csv", "read_clipboard"}


def test_every_subject_has_a_definition_of_its_own():
    assert len({subject.label for subject in subjects.SUBJECTS}) == len(subjects.SUBJECTS)
    assert len({subject.definition for subject in subjects.SUBJECTS}) == len(subjects.SUBJECTS)
    assert all(subject.definition.endswith(".") for subject in subjects.SUBJECTS)


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ("jv(v, z, out=None)\n\nBessel function.\n\nParameters\n----------\nv : float", "Bessel function."),
        ("Use :class:`~sklearn.svm.SVC` or ``pandas.DataFrame``.", "Use SVC or DataFrame."),
        ("Like :func:`scipy.stats.norm`; see `stats.uniform` [1]_.", "Like norm; see uniform."),
        ("The :mod:`sklearn.linear_model` module.", "The this package module."),
        ("See :ref:`the guide <stats_guide>` now.", "See the guide now."),
        ("Sum.\n\n.. versionadded:: 1.0\n\n    Indented note.\n\nMore here.", "Sum.\n\nMore here."),
        ("Kind of *great* **bold** a*b*c.", "Kind of great bold a*b*c."),
        (
            "Gamma. It is defined as:\n\n.. math::\n\n    x^2\n\nwhere x is real.\n\nFor real x.",
            "Gamma.\n\nFor real x.",
        ),
        ("Sum of things.\n\n>>> 1 + 1\n2", "Sum of things."),
        ("Kinds::\n\n    code()\n\nEnd of it.", "End of it."),
        ("Choose one:\n\n- first\n  line\n- second", "Choose one:\n\n- first line\n- second"),
        ("Elastic net.\n\nRead more in the :ref:`User Guide <elastic_net>`.", "Elastic net."),
    ],
)
def test_prose_is_what_a_person_would_read(doc, expected):
    assert prose.prose(doc, modules=["stats", "linear_model"]) == expected


def test_long_prose_is_cut_where_a_sentence_or_a_word_ends():
    long = "This is a sentence of some length. " * 40
    cut = prose.prose(long, modules=["stats"], limit=100)
    assert len(cut) <= 100
    assert cut.endswith("length.")
    words = prose.shorten("word " * 100, 32)
    assert len(words) <= 32
    assert words == "word word word word word word…"


def test_without_modules_no_full_stop_is_lost():
    assert prose.prose("Between 0.5 and np.inf, as in a.b.", modules=()) == "Between 0.5 and inf, as in a.b."
