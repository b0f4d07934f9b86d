"""What each strategy costs and when it is the one to take; `docs/strategies.md` is written from here and the classes.

python -m alwidget.strategies.catalogue > docs/strategies.md
"""

from __future__ import annotations

from typing import NamedTuple

from alwidget.strategies.base import Strategy
from alwidget.strategies.registry import available, built_in

__all__ = ["CATALOGUE", "Entry", "page"]


class Entry(NamedTuple):
    """What the class of a strategy does not say of itself.

    Attributes
    ----------
    passes
        How often the model reads the candidates for a round. Vectors of a frozen encoder are read from the cache.
    cost
        What choosing costs beyond that: N candidates, n labelled, C classes, d dimensions, b asked, T passes.
    use
        When it is the one to take.
    verdict
        What our own measurements say; empty while there are none.
    """

    passes: str
    cost: str
    use: str
    verdict: str = ""


CATALOGUE: dict[str, Entry] = {
    "random": Entry("0", "O(N)", "as the baseline, and for test sets: its labels stand for the pool"),
    "least-confidence": Entry("1", "O(NC)", "as the plain baseline of uncertainty"),
    "breaking-ties": Entry("1", "O(NC)", "as the first thing to try once there is a model, above all with few labels"),
    "entropy": Entry("1", "O(NC)", "when confusion among many classes counts, not only between the first two"),
    "mc-entropy": Entry("T", "O(TNC)", "when one pass of the model is too sure of itself"),
    "bald": Entry("T", "O(TNC)", "when documents that no label would settle should not be asked"),
    "batchbald": Entry(
        "T",
        "O(bNT·M·C), M = min(C^b, 10,000)",
        "in batches of up to 10 whose documents must not repeat each other",
    ),
    "egl": Entry("1", "O(N(C+d))", "when what counts is how much a label would move the model"),
    "badge": Entry("1", "O(bN(C+d))", "in large batches: uncertain and diverse without a setting to tune"),
    "bait": Entry("1", "O((Cd)³ + bNdC²)", "when the batch should inform about all of the pool, and C·d is not large"),
    "coreset": Entry("1", "O((n+b)Nd)", "to cover the pool, outliers included"),
    "bert-km": Entry("0", "O(Nbd) an iteration", "in the first rounds, before there is any label"),
    "ft-bert-km": Entry("1", "O(Nbd) an iteration", "to cover the pool as the trained model sees it"),
    "alps": Entry(
        "1, of a language model", "O(Nb·length) an iteration", "in the first rounds, with a masked language model"
    ),
    "contrastive": Entry("1", "O(Nnd + NkC)", "where neighbours should look alike to the model"),
    "cluster-margin": Entry("1", "O(NC); once O(m²) for m = 5,000", "in very large batches"),
    "actune": Entry("that of its base", "+ O(Nkd) an iteration", "to spread a score over the regions of the pool"),
    "mahalanobis": Entry("1", "O(Nd² + NCd + d³)", "to find what is unlike all that is labelled; rewards outliers"),
    "discriminative": Entry("1", "10 small trainings", "to make the labelled set look like the pool"),
    "alfa-mix": Entry("1", "O(NCd + 32·NC²) and k-means", "with few labels: asks what is easily turned"),
    "seals": Entry("only of the neighbours", "k neighbours of b documents", "in huge pools with rare classes"),
    "tyrogue": Entry("only of r·b documents", "O(rb·10,000·d), whatever N", "by default: costs the same for any pool"),
    "cartography": Entry("1", "a small training and O(Nd)", "to ask what is neither learned at once nor never"),
    "alvin": Entry("1", "O(anchors·Nd)", "where a class has a minority that the model gets wrong"),
    "label-cardinality": Entry("1", "O(NC)", "with several labels, where their number is what the model gets wrong"),
    "mnlp": Entry("1", "O(words·C)", "by default for entities: long documents are not preferred for being long"),
    "token-entropy": Entry("1", "O(words·C)", "for entities, with a choice of how words are put together"),
    "nsp": Entry("1 text", "O(N)", "as the plain baseline of uncertainty for written text"),
    "ensp": Entry("T texts", "O(NT)", "as its form with dropout"),
    "bleuvar": Entry("T texts", "O(NT²·length)", "where texts that differ from pass to pass are worth reading"),
    "idds": Entry("0", "O(bNd)", "by default for written text: needs no generator, only vectors"),
}

_HEAD = """# Query strategies

Written from the classes themselves by `python -m alwidget.strategies.catalogue`; how each one works, and its options,
stands in [the reference](reference/strategies.md).

N candidates, n labelled, C classes, d dimensions, b asked, T passes with dropout. *Model passes* is how often the
model reads the candidates for a round; vectors of a frozen encoder come from the cache. A strategy whose need is
missing, such as a trained model in the first round, leaves that round to a random draw, and the session's record of it
says so.
"""
_TASKS = {
    "classification": "one label a document",
    "multilabel": "several labels",
    "tagging": "entity spans",
    "generation": "written text",
}
_READS = {
    "probs": "probabilities",
    "labelled_probs": "probabilities of the labelled",
    "mc_probs": "passes with dropout",
    "embeddings": "vectors",
    "labelled_embeddings": "vectors of the labelled",
    "base_embeddings": "pretrained vectors",
    "labelled_base_embeddings": "pretrained vectors of the labelled",
    "reference_embeddings": "pretrained vectors of a sample",
    "features": "inputs of the last layer",
    "labelled_features": "inputs of the last layer of the labelled",
    "head": "the last layer",
    "labelled_y": "labels",
    "dynamics": "training dynamics",
    "token_probs": "tag probabilities",
    "token_states": "vectors of words",
    "token_passes": "passes with dropout over words",
    "lengths": "",
    "generated": "what it writes",
    "generate_passes": "what it writes in passes with dropout",
    "surprisal": "surprisal",
}


def page() -> str:
    """Return the page, Markdown."""
    parts = [_HEAD, _table([name for name in available(None) if name in CATALOGUE])]
    for task, what in _TASKS.items():
        names = [f"`{name}`" for name in available(task) if name in CATALOGUE]
        parts.append(f'**For {what}** (`task="{task}"`): {", ".join(names)}.\n')
    return "\n".join(parts)


def _table(names: list[str]) -> str:
    rows = ["| name | asks first | when to take it | reads | model passes | cost of choosing | measured | paper |"]
    rows.append("| --- " * 8 + "|")
    rows += [_row(name) for name in names]
    return "\n".join(rows) + "\n"


def _row(name: str) -> str:
    cls, entry = built_in(name), CATALOGUE[name]
    line = available(None)[name].rstrip(".")
    cells = [f"`{name}`", line[0].lower() + line[1:], entry.use, _reads(cls), entry.passes, entry.cost]
    cells += [entry.verdict or "not yet", cls.paper or "–"]
    return "| " + " | ".join(cells) + " |"


def _reads(cls: type[Strategy]) -> str:
    strategy = cls()
    found = [_READS[need] for need in sorted(strategy.needs, key=list(_READS).index)]
    if strategy.needs_labelled and "labels" not in found:
        found.append("labels")
    return ", ".join(filter(None, found)) or "nothing"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  it is what the command is for
