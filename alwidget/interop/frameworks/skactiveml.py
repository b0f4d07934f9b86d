"""Query strategies of scikit-activeml inside a session."""

from __future__ import annotations

import functools
import inspect
import warnings
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.interop.frameworks.draws import seed_from
from alwidget.interop.frameworks.theirs import Kind, Theirs, imported, option, signature_of
from alwidget.strategies.base import Ranked, View

__all__ = ["KINDS", "REFUSED", "Adapted", "signature"]

PACKAGE = "scikit-activeml"
PASSES = 10
_POOL = "skactiveml.pool"
_SMALL = "random:2000"
"""What compares every document with every other gets no more than these when nothing is said."""
KINDS = {
    "RandomSampling": Kind("Documents drawn at random (scikit-activeml).", _POOL),
    "UncertaintySampling": Kind(
        "Documents of whose class the model is least sure (scikit-activeml).", _POOL, ("probs",), call="clf"
    ),
    "QueryByCommittee": Kind(
        "Documents on which passes with dropout disagree (scikit-activeml).", _POOL, ("mc_probs",), call="ensemble"
    ),
    "GreedyBALD": Kind(
        "Documents of which passes with dropout are sure, but not of the same (scikit-activeml).",
        _POOL,
        ("mc_probs",),
        call="ensemble",
        paper="Houlsby et al. 2011",
    ),
    "BatchBALD": Kind(
        "Documents that together tell most about the model (scikit-activeml).",
        _POOL,
        ("mc_probs",),
        call="ensemble",
        paper="Kirsch, van Amersfoort & Gal 2019",
    ),
    "Badge": Kind(
        "Documents whose gradients are large and unlike each other (scikit-activeml).",
        _POOL,
        ("probs", "embeddings"),
        call="clf",
        paper="Ash et al. 2020",
    ),
    "CoreSet": Kind(
        "Documents that are farthest from all that is labelled, one at a time (scikit-activeml).",
        _POOL,
        ("embeddings",),
        labelled=True,
        paper="Sener & Savarese 2018",
    ),
    "TypiClust": Kind(
        "The most typical document of each cluster that has none labelled (scikit-activeml).",
        _POOL,
        ("embeddings",),
        labelled=True,
        paper="Hacohen, Dekel & Weinshall 2022",
    ),
    "ProbCover": Kind(
        "Documents that cover most of the others (scikit-activeml).",
        _POOL,
        ("embeddings",),
        labelled=True,
        subsample=_SMALL,
        paper="Yehuda et al. 2022",
    ),
    "MaxHerding": Kind(
        "Documents that stand best for all others (scikit-activeml).",
        _POOL,
        ("embeddings",),
        labelled=True,
        subsample=_SMALL,
        paper="Bae, Noh & Sutherland 2024",
    ),
    "ContrastiveAL": Kind(
        "Documents that are predicted unlike their labelled neighbours (scikit-activeml).",
        _POOL,
        ("probs", "embeddings"),
        labelled=True,
        needs_labelled=True,
        call="clf",
        paper="Margatina et al. 2021",
    ),
    "DiscriminativeAL": Kind(
        "Documents that are easily told from the labelled ones (scikit-activeml).",
        _POOL,
        ("embeddings",),
        labelled=True,
        needs_labelled=True,
        call="discriminator",
        paper="Gissin & Shalev-Shwartz 2019",
    ),
    "Clue": Kind(
        "Documents from the middle of clusters in which the model is unsure (scikit-activeml).",
        _POOL,
        ("probs", "embeddings"),
        call="estimator",
        paper="Prabhu et al. 2021",
    ),
    "Falcun": Kind(
        "Documents that are unsure and predicted unlike each other (scikit-activeml).",
        _POOL,
        ("probs",),
        call="clf",
        paper="Gilhuber et al. 2023",
    ),
    "GreedySamplingX": Kind(
        "Documents that are farthest from each other and from the labelled ones (scikit-activeml).",
        _POOL,
        ("embeddings",),
        labelled=True,
        subsample=_SMALL,
        paper="Wu, Lin & Huang 2019",
    ),
}
_REFITS = "it fits a classifier of scikit-activeml itself, and not the model of the session"
_REGRESSION = "it is for regression"
_WRAPPER = "it wraps a strategy; what a round looks at is set by annotate(subsample=…)"
REFUSED = {
    **dict.fromkeys(
        (
            "DropQuery",
            "EpistemicUncertaintySampling",
            "ExpectedErrorReduction",
            "FourDs",
            "MonteCarloEER",
            "ProbabilisticAL",
            "ValueOfInformationEER",
        ),
        _REFITS,
    ),
    **dict.fromkeys(
        (
            "ExpectedModelChangeMaximization",
            "ExpectedModelOutputChange",
            "ExpectedModelVarianceReduction",
            "GreedySamplingTarget",
            "KLDivergenceMaximization",
            "RegressionTreeBasedAL",
        ),
        _REGRESSION,
    ),
    **dict.fromkeys(("SubSamplingWrapper", "ParallelUtilityEstimationWrapper"), _WRAPPER),
    "CostEmbeddingAL": "it reads what each mistake costs",
    "Quire": "it inverts a matrix of all documents by all documents",
}
"""What it has that a session cannot use, and why."""
_GIVEN = (
    "self",
    "missing_label",
    "random_state",
    "clf_embedding_flag_name",
    "sample_predictions_method_name",
    "sample_predictions_dict",
    "predict_dict",
)
_SCORED = ("UncertaintySampling", "QueryByCommittee", "GreedyBALD", "ContrastiveAL")
"""Those that score each document on its own."""


def signature(name: str, kind: Kind) -> inspect.Signature:
    """Return the options of a strategy."""
    more = [option("passes", PASSES)] if kind.call == "ensemble" else []
    return signature_of(_class(name).__init__, _GIVEN, more)


class Adapted(Theirs):
    """A strategy of scikit-activeml, asked about a pool that the round stands for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._made(0)

    def pick(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return what the strategy chooses."""
        name, labelled = type(self).__name__, len(view.labelled) if self.kind.labelled else 0
        seed = seed_from(rng)
        strategy = self._made(seed)
        vectors = "embeddings" in self.kind.reads
        documents = _vectors(view, labelled) if vectors else np.arange(float(view.size + labelled))[:, None]
        answers = np.full(view.size + labelled, np.nan)
        if labelled:
            answers[view.size :] = view.labelled_y
        told = _told(self.kind.call, view, documents, labelled, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name not in _SCORED:
                chosen = np.asarray(strategy.query(documents, answers, batch_size=size, **told))
                if size == view.size and name == "BatchBALD":  # it repeats itself when nothing else is left
                    chosen = np.array(list(dict.fromkeys([*chosen.tolist(), *range(size)])), dtype=np.int64)
                return Ranked(chosen, np.full(len(chosen), np.nan))
            chosen, utilities = strategy.query(documents, answers, batch_size=1, return_utilities=True, **told)
        every = np.asarray(utilities[0], dtype=np.float64)[: view.size]
        best = np.argsort(-every, kind="stable")[:size]
        return Ranked(best, every[best], every)

    def _made(self, seed: int) -> Any:
        options = self.options()
        passes = options.pop("passes", PASSES)
        if self.kind.call == "ensemble":
            options |= {
                "sample_predictions_method_name": "sample_probas",
                "sample_predictions_dict": {"passes": passes},
            }
        if self.kind.call == "estimator":
            options["cluster_algo_dict"] = {"random_state": seed, **(options.get("cluster_algo_dict") or {})}
        try:
            return _class(type(self).__name__)(random_state=seed, **options)
        except (TypeError, ValueError) as error:
            message = f'"{self.name}" cannot be made: {error}'
            raise StrategyError(message) from error


def _class(name: str) -> Any:
    return getattr(imported(_POOL, "scikit-activeml", PACKAGE), name)


def _vectors(view: View, labelled: int) -> np.ndarray:
    candidates = np.asarray(view.embeddings)
    return np.concatenate([candidates, view.labelled_embeddings]) if labelled else candidates


def _told(call: str, view: View, documents: np.ndarray, labelled: int, seed: int) -> dict[str, Any]:
    """Return the model as the strategy wants to get it."""
    if not call:
        return {}
    if call == "discriminator":
        from sklearn.linear_model import LogisticRegression

        wrapper = imported("skactiveml.classifier", "scikit-activeml", PACKAGE).SklearnClassifier
        return {call: wrapper(LogisticRegression(max_iter=1000, random_state=seed), classes=[0, 1], missing_label=-1)}
    model = _model_class()(view, documents, labelled).fit(None, None)
    return {call: model, {"clf": "fit_clf", "ensemble": "fit_ensemble", "estimator": "fit_estimator"}[call]: False}


@functools.cache
def _model_class() -> Any:
    """Return the class of what scikit-activeml takes for a fitted classifier; it asks for one of its own kind."""
    base: Any = imported("skactiveml.base", "scikit-activeml", PACKAGE).SkactivemlClassifier

    class Known(base):  # type: ignore[misc]  # only the library knows what it is
        """Says what the model of the session says of documents of the round."""

        def __init__(self, view: View, documents: np.ndarray, labelled: int) -> None:
            super().__init__()
            self.view, self.documents, self.labelled = view, documents, labelled

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Known:
            """Say that it is fitted."""
            del X, y, sample_weight
            self.classes_ = np.arange(self.view.n_classes)
            return self

        def predict_proba(self, X: np.ndarray, **options: Any) -> np.ndarray:
            """Return what the model says of these documents."""
            del options
            return np.array(self._rows(X, self.view.probs, lambda: self.view.labelled_probs))

        def predict(self, X: np.ndarray, **options: Any) -> np.ndarray:
            """Return the likeliest class."""
            likeliest: np.ndarray = self.predict_proba(X, **options).argmax(axis=1)
            return likeliest

        def sample_probas(self, X: np.ndarray, passes: int) -> np.ndarray:
            """Return what passes with dropout say of the candidates, (T, N, C)."""
            del X
            return np.stack(list(self.view.mc_probs(passes)))

        def _rows(self, X: np.ndarray, candidates: np.ndarray, labelled: Any) -> np.ndarray:
            """Return what is said of all candidates or of all labelled documents; nothing else is asked about."""
            n = self.view.size
            if len(X) == n and np.array_equal(X, self.documents[:n]):
                return candidates
            if len(X) == self.labelled and np.array_equal(X, self.documents[n:]):
                known: np.ndarray = labelled()
                return known
            message = "scikit-activeml asks the model about documents that are not in this round."
            raise StrategyError(message)

    return Known
