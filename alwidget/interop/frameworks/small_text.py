"""Query strategies of small-text inside a session."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from alwidget.errors import StrategyError, near_miss
from alwidget.interop.frameworks.draws import Numpy, seed_from, swapped
from alwidget.interop.frameworks.theirs import Kind, Theirs, imported, ordered, signature_of
from alwidget.strategies.base import Ranked, View

__all__ = ["KINDS", "REFUSED", "Adapted", "signature"]

PACKAGE = "small-text"
_HERE, _TORCH = "small_text.query_strategies", "small_text.integrations.pytorch.query_strategies"
_SET = ("classification", "multilabel")
KINDS = {
    "RandomSampling": Kind("Documents drawn at random (small-text).", _HERE, tasks=_SET),
    "LeastConfidence": Kind("Documents whose likeliest class is the least likely (small-text).", _HERE, ("probs",)),
    "BreakingTies": Kind("Documents whose two likeliest classes are closest (small-text).", _HERE, ("probs",)),
    "PredictionEntropy": Kind("Documents whose classes have the largest entropy (small-text).", _HERE, ("probs",)),
    "BALD": Kind(
        "Documents on which passes with dropout disagree (small-text).",
        _HERE,
        ("mc_probs",),
        paper="Houlsby et al. 2011",
    ),
    "BADGE": Kind(
        "Documents whose gradients are large and unlike each other (small-text).",
        _TORCH,
        ("embeddings", "probs"),
        paper="Ash et al. 2020",
    ),
    "EmbeddingKMeans": Kind(
        "One document from the middle of each cluster (small-text).",
        _HERE,
        ("embeddings",),
        tasks=_SET,
        paper="Yuan, Lin & Boyd-Graber 2020",
    ),
    "GreedyCoreset": Kind(
        "Documents that are farthest from all that is labelled, one at a time (small-text).",
        _HERE,
        ("embeddings",),
        labelled=True,
        needs_labelled=True,
        tasks=_SET,
        paper="Sener & Savarese 2018",
    ),
    "LightweightCoreset": Kind(
        "A draw that favours documents far from the mean (small-text).",
        _HERE,
        ("embeddings",),
        tasks=_SET,
        paper="Bachem, Lucic & Krause 2018",
    ),
    "ContrastiveActiveLearning": Kind(
        "Documents that are predicted unlike their neighbours (small-text).",
        _HERE,
        ("embeddings", "probs"),
        labelled=True,
        paper="Margatina et al. 2021",
    ),
    "DiscriminativeActiveLearning": Kind(
        "Documents that are easily told from the labelled ones (small-text).",
        _HERE,
        ("embeddings",),
        labelled=True,
        needs_labelled=True,
        paper="Gissin & Shalev-Shwartz 2019",
    ),
    "CategoryVectorInconsistencyAndRanking": Kind(
        "Documents whose labels are unlike those that were given, and ranked closely (small-text).",
        _HERE,
        ("probs",),
        labelled=True,
        needs_labelled=True,
        tasks=("multilabel",),
        paper="Reyes, Morell & Ventura 2018",
    ),
    "SubsamplingQueryStrategy": Kind(
        "What another strategy of small-text asks among documents drawn at random.", _HERE, labelled=True
    ),
    "SEALS": Kind(
        "What another strategy of small-text asks among neighbours of the labelled documents.",
        _HERE,
        ("embeddings",),
        labelled=True,
        needs_labelled=True,
        paper="Coleman et al. 2022",
    ),
    "AnchorSubsampling": Kind(
        "What another strategy of small-text asks among neighbours of a few labelled documents of each class.",
        _HERE,
        ("embeddings",),
        labelled=True,
        needs_labelled=True,
        paper="Lesci & Vlachos 2024",
    ),
}
_GRADIENTS = 'it reads gradients of a model of small-text itself; alwidget has "egl"'
REFUSED = {
    "ExpectedGradientLength": _GRADIENTS,
    "ExpectedGradientLengthMaxWord": _GRADIENTS,
    "ExpectedGradientLengthLayer": _GRADIENTS,
}
"""What it has that a session cannot use, and why."""
_GIVEN = ("num_classes", "classifier_factory", "pbar", "embed_kwargs")
"""What the session gives a strategy."""
_INNER = "base_query_strategy"
_DRAWS = ("strategies", "coresets", "subsampling")
"""Modules of its query strategies that draw from ``numpy.random``."""
_ITERATIONS = 10
"""As many rounds of telling apart as small-text's own examples take."""


def signature(name: str, kind: Kind) -> inspect.Signature:
    """Return the options of a strategy."""
    found = signature_of(_class(name, kind).__init__, ("self", *_GIVEN))
    return found.replace(
        parameters=[
            p.replace(default=_ITERATIONS) if p.name == "num_iterations" else p for p in found.parameters.values()
        ]
    )


class Adapted(Theirs):
    """A strategy of small-text, asked about a data set that the round stands for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._inner = _inner(options[_INNER]) if _INNER in options else None
        if self._inner is not None:
            kind = KINDS[self._inner]
            self.needs = frozenset({*self.needs, *kind.needs})
            if kind.labelled or self.kind.labelled:
                both = {"probs": "labelled_probs", "embeddings": "labelled_embeddings"}
                self.needs |= {both[name] for name in self.needs if name in both}
            self.needs_labelled = self.kind.needs_labelled or kind.needs_labelled
        self._made(2, 0)

    def pick(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return what the strategy chooses; it is made anew each time, so that nothing of a round outlives it."""
        labelled = len(view.labelled) if self.kind.labelled else 0
        seed = seed_from(rng)
        strategy = self._made(view.n_classes, seed, size)
        documents = _Documents(view, np.arange(view.size + labelled))
        asked = (
            _Model(view.n_classes),
            documents,
            np.arange(view.size),
            np.arange(view.size, view.size + labelled),
            _answers(view) if labelled else np.empty(0, dtype=np.int64),
        )
        with _drawing(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                chosen = strategy.query(*asked, n=size)
            except _class("PoolExhaustedException", self.kind):
                if self._inner is None:
                    raise
                # narrowed down to fewer than were asked: all of them then, as it does itself in a small pool
                chosen = strategy.base_query_strategy.query(*asked, n=size)
        scores = getattr(strategy, "scores_", None)
        if scores is None or self._inner is not None:
            return Ranked(np.asarray(chosen), np.full(len(chosen), np.nan))
        every = np.asarray(scores, dtype=np.float64)[: view.size]
        every = -every if getattr(strategy, "lower_is_better", False) else every
        best = ordered(chosen, every[chosen])
        return Ranked(best.indices, best.scores, every)

    def _made(self, n_classes: int, seed: int, size: int = 10) -> Any:
        """Return the strategy of small-text, made with the options and with what the session gives."""
        options = self.options()
        if self._inner is not None:
            options[_INNER] = _make(self._inner, {}, n_classes, seed)
        if type(self).__name__ == "DiscriminativeActiveLearning":
            options["num_iterations"] = min(options.get("num_iterations", _ITERATIONS), size)
        try:
            return _make(type(self).__name__, options, n_classes, seed)
        except (TypeError, ValueError) as error:
            message = f'"{self.name}" cannot be made: {error}'
            raise StrategyError(message) from error


def _class(name: str, kind: Kind) -> Any:
    return getattr(imported(kind.module, "small-text", PACKAGE), name)


def _make(name: str, options: dict[str, Any], n_classes: int, seed: int) -> Any:
    made = _class(name, KINDS[name])
    given = {"num_classes": n_classes, "classifier_factory": _Discriminators(seed), "pbar": None, "embed_kwargs": {}}
    takes = inspect.signature(made.__init__).parameters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GreedyCoreset warns of its default whenever it is made
        return made(**{k: v for k, v in given.items() if k in takes}, **options)


def _inner(given: Any) -> str:
    """Return the name of the strategy inside another, written with or without the library's."""
    name = str(given).removeprefix("small-text:")
    if name not in KINDS or not isinstance(given, str) or _INNER in signature(name, KINDS[name]).parameters:
        simple = [known for known, kind in KINDS.items() if kind.subsample is None and known != "SEALS"]
        message = f'{_INNER} is the name of a strategy of small-text, such as "BreakingTies", got {given!r}.'
        raise StrategyError(message + near_miss(name, simple))
    return name


def _answers(view: View) -> Any:
    """Return the answers as small-text has them: classes, or of several labels a sparse matrix."""
    if not getattr(view, "multilabel", False):
        return np.asarray(view.labelled_y)
    from scipy.sparse import csr_matrix

    return csr_matrix(np.asarray(view.labelled_y, dtype=np.int64))


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Let small-text draw from this seed; it takes no generator, and scikit-learn's k-means none from it."""
    import sklearn.cluster

    numpy = Numpy(seed)
    modules = [imported(f"{_HERE}.{name}", "small-text", PACKAGE) for name in _DRAWS]
    modules.append(imported(f"{_TORCH}.strategies", "small-text", PACKAGE))
    names: dict[ModuleType, dict[str, Any]] = {module: {"np": numpy} for module in modules}
    names[imported("small_text.utils.clustering", "small-text", PACKAGE)] = {"choice": numpy.random.choice}
    names[sklearn.cluster] = {"KMeans": functools.partial(sklearn.cluster.KMeans, random_state=seed)}
    with swapped(names):
        yield


class _Documents:
    """A data set of small-text that knows which documents of the round it holds: candidates, then labelled ones."""

    def __init__(self, view: View, rows: np.ndarray, y: Any = None) -> None:
        self.view, self.rows, self.y = view, rows, y
        self.is_multi_label = bool(getattr(view, "multilabel", False))

    @property
    def x(self) -> np.ndarray:
        """Their vectors."""
        return self.read("embeddings")

    def read(self, name: str) -> np.ndarray:
        """Return an array of the view at these documents; it is a copy, since small-text writes into what it gets."""
        candidates = np.asarray(getattr(self.view, name))
        if not len(self.rows) or self.rows.max() < len(candidates):
            few: np.ndarray = candidates[self.rows]
            return few
        both = np.concatenate([candidates, getattr(self.view, f"labelled_{name}")])
        chosen: np.ndarray = both[self.rows]
        return chosen

    def clone(self) -> _Documents:
        """Return a copy."""
        return _Documents(self.view, self.rows.copy(), self.y)

    def __getitem__(self, which: Any) -> _Documents:
        return _Documents(self.view, self.rows[which])

    def __len__(self) -> int:
        return len(self.rows)


class _Model:
    """What small-text takes for a trained classifier."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def predict_proba(self, documents: _Documents, dropout_sampling: int = 1) -> np.ndarray:
        """Return class probabilities, (N, C); of several passes with dropout (N, T, C)."""
        if dropout_sampling > 1:
            passes: np.ndarray = np.stack(list(documents.view.mc_probs(dropout_sampling)), axis=1)[documents.rows]
            return passes
        return documents.read("probs")

    def embed(self, documents: _Documents, *, return_proba: bool = False, **options: Any) -> Any:
        """Return vectors, and class probabilities for those that read them."""
        del options
        vectors = documents.read("embeddings")
        if not return_proba:
            return vectors
        view = documents.view
        return vectors, (documents.read("probs") if view.fitted else None)

    def __getattr__(self, name: str) -> Any:
        """Say what is missing; small-text's own models have more."""
        message = f"a session has no {name} of a model"
        raise AttributeError(message)


class _Discriminators:
    """Makes the models that tell labelled documents from others."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def new(self) -> _Discriminator:
        """Return a new one."""
        return _Discriminator(self._seed)


class _Discriminator:
    def __init__(self, seed: int) -> None:
        from sklearn.linear_model import LogisticRegression

        self._model = LogisticRegression(max_iter=1000, random_state=seed)

    def fit(self, documents: _Documents) -> _Discriminator:
        self._model.fit(documents.x, documents.y)
        return self

    def predict_proba(self, documents: _Documents) -> np.ndarray:
        found: np.ndarray = self._model.predict_proba(documents.x)
        return found
