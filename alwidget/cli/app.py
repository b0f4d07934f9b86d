"""The parser of the command line, and what becomes of an error.

Only this module is loaded before a command is chosen, so that ``alwidget --help`` answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from alwidget._version import __version__
from alwidget.errors import AlwidgetError, near_miss

__all__ = ["main", "parser"]

FAILED, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141
COMMANDS = ("demo", "bench", "export", "check", "plasm", "distill", "adapt", "info")
TASKS = ("classification", "multilabel", "tagging", "generation")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 only if it did what was asked.

    Errors go to standard error in one line; ``--debug`` shows where they came from.

    Parameters
    ----------
    arguments
        The words after ``alwidget``; by default those of this process.
    """
    given = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to fail
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _failed(given, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        _close_stdout()
        return BROKEN_PIPE
    except AlwidgetError as error:
        return _failed(given, str(error), FAILED)
    except OSError as error:
        place = f'"{error.filename}": ' if error.filename else ""
        return _failed(given, f"{place}{error.strerror or error}", FAILED)
    except Exception as error:  # noqa: BLE001  the end of the line: one line for the person, the rest with --debug
        return _failed(given, f"unexpected {type(error).__name__}: {error} (--debug shows where)", FAILED)
    return code


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest command where one was mistyped."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        wrong = message.partition("invalid choice: '")[2].partition("'")[0]
        hint = near_miss(wrong, COMMANDS) if wrong and "COMMAND" in message else ""
        self.exit(USAGE, f"{self.prog}: {message}.{hint} See {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    common = _Parser(add_help=False)
    common.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error came from"
    )
    top = _Parser(prog="alwidget", description="Label text while a model learns what to ask next.", parents=[common])
    top.add_argument("--version", action="version", version=f"alwidget {__version__}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo",
        parents=[common],
        help="open the quickstart in JupyterLab, or let an oracle label a corpus",
        description="Open the quickstart in JupyterLab. With --simulate: let an oracle label the docstring corpus "
        "through the same session and engine, and print the learning curve against random choice.",
    )
    _add_demo(demo)
    demo.set_defaults(run=_demo)

    bench = commands.add_parser(
        "bench",
        parents=[common],
        help="compare strategies on data with gold answers",
        description="Compare strategies: an oracle labels data with gold answers, over several seeds, and what was "
        "learned is measured on documents held out. Everything is kept in a folder, cell by cell. The exit code is 1 "
        "if a cell failed; the others are done all the same.",
    )
    _add_bench(bench)
    bench.set_defaults(run=_bench)

    export = commands.add_parser("export", parents=[common], help="write a session's annotations to a file")
    export.add_argument("session", metavar="SESSION", help="the session's directory, such as reviews.alw")
    export.add_argument(
        "--format", "-f", metavar="F", help="json, jsonl, csv, parquet, huggingface; default: the ending"
    )
    export.add_argument("--output", "-o", metavar="FILE", required=True, help="where to; a file there is replaced")
    export.add_argument(
        "--include",
        metavar="STATUS",
        action="append",
        help="labelled, skipped or flagged; may be given several times; default: all",
    )
    export.set_defaults(run=_export)

    check = commands.add_parser("check", parents=[common], help="verify a session's files, and repair them")
    check.add_argument("session", metavar="SESSION", help="the session's directory")
    check.add_argument("--repair", action="store_true", help="set broken lines aside, in log/broken/, and write anew")
    check.set_defaults(run=_check)

    plasm = commands.add_parser(
        "plasm",
        parents=[common],
        help="train a model of any architecture on a session's labels and on cleaned pseudo-labels",
        description="Train a successor on people's labels and on pseudo-labels of the other documents, without those "
        "that are probably wrong. A run that was stopped goes on where it was. The last line printed is the folder of "
        "the trained model.",
    )
    _add_plasm(plasm)
    plasm.set_defaults(run=_plasm)

    distill = commands.add_parser(
        "distill",
        parents=[common],
        help="make a small student of an encoder on documents without labels",
        description="Make a small student of an encoder: some of its layers, taught on documents without labels what "
        "the whole makes of them. The last line printed is its folder, for model= and for transformers.",
    )
    distill.add_argument("teacher", metavar="TEACHER", help="a hub name or a folder")
    distill.add_argument("documents", metavar="DOCUMENTS", help="a file or folder, as for alw.annotate")
    distill.add_argument("--layers", type=_positive, default=3, metavar="N", help="layers of the student, default 3")
    _add_training(distill)
    distill.set_defaults(run=_distill)

    adapt = commands.add_parser(
        "adapt",
        parents=[common],
        help="let a masked language model read documents before they are labelled",
        description="Let a masked language model go on guessing hidden words, of documents without labels. The last "
        "line printed is the folder of the model, for model= and for transformers.",
    )
    adapt.add_argument("model", metavar="MODEL", help="a hub name or a folder")
    adapt.add_argument("documents", metavar="DOCUMENTS", help="a file or folder, as for alw.annotate")
    _add_training(adapt)
    adapt.set_defaults(run=_adapt)

    info = commands.add_parser(
        "info", parents=[common], help="versions, devices, caches, and the model that auto takes"
    )
    info.set_defaults(run=_info)
    return top


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--simulate", action="store_true", help="label without a person and without a browser")
    simulate = demo.add_argument_group("with --simulate")
    simulate.add_argument("--task", choices=TASKS, default=TASKS[0], help="what to label; default classification")
    simulate.add_argument("--rounds", type=_positive, default=10, metavar="N", help="default 10")
    simulate.add_argument("--batch-size", type=_positive, default=50, metavar="N", help="labels a round, default 50")
    simulate.add_argument("--n", type=_positive, metavar="N", help="documents of the corpus to use; default: all")
    simulate.add_argument("--strategy", default="auto", metavar="NAME", help="default auto: tyrogue; mnlp; idds")
    simulate.add_argument("--model", default="auto", metavar="NAME", help="such as tf-idf; default auto")
    simulate.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    simulate.add_argument("--no-baseline", action="store_true", help="do not compare with random choice")
    simulate.add_argument(
        "--output", "-o", metavar="DIR", help="where the session is left; default docstrings[-TASK].alw"
    )
    page = demo.add_argument_group("without --simulate")
    page.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    page.add_argument("--port", type=int, metavar="N", help="JupyterLab's port")


def _add_plasm(plasm: argparse.ArgumentParser) -> None:
    from alwidget.cli.reusing import DEFAULTS

    plasm.add_argument("session", metavar="SESSION", help="a session, its annotations.json, or a table with labels")
    plasm.add_argument("--successor", default="auto", metavar="NAME", help="the model to train, default auto")
    plasm.add_argument("--labeller", metavar="NAME", help="what labels the rest; default: the session's model")
    plasm.add_argument("--data", metavar="FILE", help="the documents to pseudo-label, as for alw.annotate")
    plasm.add_argument("--out", "--output", "-o", metavar="DIR", help="default: plasm/ in the session, else here")
    plasm.add_argument("--no-clean", action="store_true", help="keep pseudo-labels that have to be memorised")
    plasm.add_argument("--influence", choices=("last", "all"), default="last", help="layers to clean by, default last")
    plasm.add_argument("--device", metavar="NAME", help="cpu, cuda, …; default: a GPU if there is one")
    plasm.add_argument("--quiet", action="store_true", help="show no progress")
    for name, (default, what) in DEFAULTS.items():
        plasm.add_argument(
            f"--{name}", type=type(default), default=default, metavar="X", help=f"{what}, default {default}"
        )
    table = plasm.add_argument_group("for a table with labels, and for the columns of --data")
    table.add_argument("--task", choices=TASKS[:3], help="default classification")
    for role in ("text", "label", "id"):
        table.add_argument(f"--{role}", metavar="COLUMN", help="default: found by its name")


def _add_bench(bench: argparse.ArgumentParser) -> None:
    bench.add_argument(
        "config", metavar="CONFIG.toml", nargs="?", help="the arguments of alw.benchmark; flags go before"
    )
    bench.add_argument(
        "--data", action="append", metavar="NAME", help="docstrings, a path or a hub id; may be given several times"
    )
    bench.add_argument("--task", choices=TASKS, help="of all data; default classification")
    bench.add_argument(
        "--strategy", action="append", metavar="NAME", help="a name or path.py:Class; default random and auto"
    )
    bench.add_argument(
        "--subsample", action="append", metavar="NAME", help="as subsample= of alw.annotate; default auto"
    )
    bench.add_argument("--model", action="append", metavar="NAME", help="as model= of alw.annotate; default auto")
    bench.add_argument("--seeds", type=_positive, metavar="N", help="default 5")
    bench.add_argument("--rounds", type=_positive, metavar="N", help="default 10")
    bench.add_argument("--batch-size", type=_positive, metavar="N", help="labels a round, default 50")
    bench.add_argument("--initial", type=int, metavar="N", help="labels drawn before any strategy is asked, default 0")
    bench.add_argument("--no-full", action="store_true", help="do not train on all labels for comparison")
    bench.add_argument("--executor", choices=("processes", "serial", "ray"), help="default processes")
    bench.add_argument("--workers", type=_positive, metavar="N", help="processes, default one a core")
    bench.add_argument("--threads", type=_positive, metavar="N", help="threads of a cell, default 1")
    bench.add_argument("--output", "-o", metavar="DIR", help="the folder of the run")
    bench.add_argument("--resume", action="store_true", help="go on with the run that is there")
    bench.add_argument("--quiet", action="store_true", help="show no progress")


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument("--output", "-o", metavar="DIR", help="the folder of the model; default: one in the cache")
    command.add_argument("--text", metavar="COLUMN", help="the column with the texts; default: found by its name")
    command.add_argument("--epochs", type=float, default=3.0, metavar="X", help="passes over the texts, default 3")
    command.add_argument("--steps", type=_positive, metavar="N", help="steps, in place of epochs")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    command.add_argument("--device", metavar="NAME", help="cpu, cuda, …; default: a GPU if there is one")
    command.add_argument("--fresh", action="store_true", help="begin anew where an earlier run was stopped or is done")
    command.add_argument("--quiet", action="store_true", help="show no progress")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        message = f"{text} is not 1 or more"
        raise argparse.ArgumentTypeError(message)
    return number


# Each command loads its own module, and only when it is run ---------------------------------------------------------


def _demo(given: argparse.Namespace) -> int:
    if given.simulate:
        from alwidget.cli.simulation import simulate

        return simulate(given)
    from alwidget.cli.quickstart import quickstart

    return quickstart(port=given.port, browser=not given.no_browser)


def _bench(given: argparse.Namespace) -> int:
    from alwidget.cli.bench import bench

    return bench(given)


def _export(given: argparse.Namespace) -> int:
    from alwidget.cli.sessions import export

    return export(given)


def _check(given: argparse.Namespace) -> int:
    from alwidget.cli.sessions import check

    return check(given)


def _plasm(given: argparse.Namespace) -> int:
    from alwidget.cli.reusing import plasm

    return plasm(given)


def _distill(given: argparse.Namespace) -> int:
    from alwidget.cli.training import distill

    return distill(given)


def _adapt(given: argparse.Namespace) -> int:
    from alwidget.cli.training import adapt

    return adapt(given)


def _info(given: argparse.Namespace) -> int:
    from alwidget.cli.info import info

    return info(given)


# Errors -------------------------------------------------------------------------------------------------------------


def _failed(given: argparse.Namespace, message: str, code: int) -> int:
    with contextlib.suppress(BrokenPipeError):
        if getattr(given, "debug", False):
            traceback.print_exc()
        line = " ".join(message.split())
        sys.stderr.write(f"alwidget {given.command}: {line}\n")
        sys.stderr.flush()
    return code


def _close_stdout() -> None:
    """Point standard output nowhere, so that Python does not complain once more while it shuts down."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
