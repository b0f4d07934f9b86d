"""The command line, run as people run it: a process with arguments, output, and an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import alwidget
from alwidget import cli, interop
from alwidget.cli import simulation
from alwidget.demo import NEAREST, Demo
from alwidget.oracle import Curve, HeldOut, Point, simulate
from tiny_models import make_masked, sentences

COMMAND = [sys.executable, "-c", "import sys; from alwidget.cli import main; sys.exit(main())"]


def alw(*arguments, cwd, env=None, **options):
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        **options,
    )


@pytest.fixture(scope="module")
def session_path(tmp_path_factory):
    """A closed session with labels, a skip and a flag."""
    path = tmp_path_factory.mktemp("cli") / "mail.alw"
    texts = ["=1+1", "win money now", "see you at lunch", "cheap pills", 'he said "NA"\nand left']
    with alwidget.annotate(texts, labels=["spam", "ham"], path=path, model="tf-idf", annotator="ana") as session:
        ids = list(session.pool.ids)
        session.record(ids[0], "spam")
        session.record(ids[1], "spam")
        session.record(ids[4], "ham")
        session.skip(ids[2])
        session.flag(ids[3], "which pills?")
    return path


# Arguments and errors -------------------------------------------------------------------------------------------------


def test_help_and_version_answer_at_once_and_load_nothing(tmp_path):
    code = (
        "import sys\nfrom alwidget.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as done: code = done.code\n"
        "heavy = {'numpy', 'pandas', 'torch', 'sklearn', 'transformers', 'datasets', 'pyarrow', 'msgspec'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("demo", "export", "check", "info"))
    assert alw("--version", cwd=tmp_path).stdout == f"alwidget {alwidget.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["exprot"], 'Did you mean "export"?'),
        (["export", "x.alw"], "--output"),
        (["demo", "--simulate", "--rounds", "0"], "0 is not 1 or more"),
        (["demo", "--simulate", "--rounds", "many"], "many"),
    ],
)
def test_a_command_that_is_not_understood_is_one_line_and_code_2(arguments, said, tmp_path):
    done = alw(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "no.alw", "-o", "x.csv"], "no.alw"),
        (["check", "no.alw"], "no.alw"),
        (["demo", "--simulate", "--model", "tf-idf", "--strategy", "tyrog", "--n", "100", "--rounds", "1"], "tyrogue"),
        (["demo", "--simulate", "--model", "tf-idf", "--n", "100", "--rounds", "10"], "Use fewer rounds"),
        (["demo", "--simulate", "--model", "tf-idf", "-o", "."], "is there already"),
    ],
)
def test_an_error_is_one_line_on_standard_error_and_code_1(arguments, said, tmp_path):
    done = alw(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line for line in re.split(r"[\r\n]", done.stderr) if line.startswith("alwidget")]
    assert len(lines) == 1, done.stderr
    assert said in lines[0]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.alw"))


@pytest.mark.parametrize("arguments", [["--debug", "check", "no.alw"], ["check", "no.alw", "--debug"]])
def test_debug_shows_where_an_error_came_from(arguments, tmp_path):
    done = alw(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("alwidget check: ")


# Export ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "parquet"])
def test_export_writes_what_annotations_json_says(ending, session_path, tmp_path):
    done = alw("export", session_path, "-o", f"out.{ending}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 documents" in done.stdout
    expected = json.loads((session_path / "annotations.json").read_text(encoding="utf-8"))["annotations"]
    found = interop.read(tmp_path / f"out.{ending}")
    for key in ("id", "text", "label", "status", "annotator", "updated", "note"):
        assert [row.get(key) for row in found] == [row.get(key) for row in expected], key
    assert found[0]["text"] == "=1+1"


def test_export_to_a_dataset_of_hugging_face(session_path, tmp_path):
    done = alw("export", session_path, "--format", "huggingface", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["label"] for row in interop.read(tmp_path / "out", "huggingface")] == [
        "spam",
        "spam",
        None,
        None,
        "ham",
    ]


def test_export_takes_some_statuses_only(session_path, tmp_path):
    assert alw("export", session_path, "-o", "a.jsonl", "--include", "labelled", cwd=tmp_path).returncode == 0
    assert [row["status"] for row in interop.read(tmp_path / "a.jsonl")] == ["labelled"] * 3
    two = ["--include", "skipped", "--include", "flagged"]
    assert alw("export", session_path, "-o", "b.jsonl", *two, cwd=tmp_path).returncode == 0
    assert sorted(row["status"] for row in interop.read(tmp_path / "b.jsonl")) == ["flagged", "skipped"]


def test_export_needs_no_model_and_leaves_the_session_as_it_is(session_path, tmp_path):
    before = {path: path.read_bytes() for path in session_path.rglob("*") if path.is_file()}
    code = (
        "import sys\nfrom alwidget.cli import main\n"
        f"code = main(['export', {str(session_path)!r}, '-o', 'a.csv'])\n"
        "assert not {'torch', 'transformers', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in session_path.rglob("*") if path.is_file()} == before


def test_export_of_an_empty_session_is_an_error(tmp_path):
    alwidget.annotate(["a", "b"], labels=["x", "y"], path=tmp_path / "new.alw", model="tf-idf").close()
    done = alw("export", "new.alw", "-o", "out.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert "Nothing is labelled yet" in done.stderr
    assert not (tmp_path / "out.csv").exists()


# Check ----------------------------------------------------------------------------------------------------------------


def test_check_of_a_good_session_says_so(session_path, tmp_path):
    done = alw("check", session_path, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "All is well." in done.stdout


def test_check_finds_a_broken_line_and_repair_sets_it_aside(tmp_path):
    path = tmp_path / "s.alw"
    with alwidget.annotate(["a", "b", "c"], labels=["x", "y"], path=path, model="tf-idf") as session:
        for doc in list(session.pool.ids):
            session.record(doc, "x")
    (log,) = (path / "log").glob("*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    lines[1] = b'{"v":1,"seq":2,"broken\n'
    log.write_bytes(b"".join(lines))

    found = alw("check", path, cwd=tmp_path)
    assert found.returncode == 1
    assert f"{log.name}" in found.stdout
    assert "line 2" in found.stdout
    assert "--repair" in found.stdout
    assert log.read_bytes() == b"".join(lines)

    refused = alw("export", path, "-o", "x.csv", cwd=tmp_path)
    assert refused.returncode == 1
    assert "line 2" in refused.stderr

    repaired = alw("check", path, "--repair", cwd=tmp_path)
    assert repaired.returncode == 0, repaired.stderr
    assert alw("check", path, cwd=tmp_path).returncode == 0
    assert any(b'"broken' in file.read_bytes() for file in (path / "log" / "broken").iterdir())
    assert alw("export", path, "-o", "x.jsonl", cwd=tmp_path).returncode == 0
    assert len(interop.read(tmp_path / "x.jsonl")) == 2


# Info -----------------------------------------------------------------------------------------------------------------


def test_info_says_what_is_here_and_what_auto_takes(tmp_path):
    done = alw("info", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"alwidget {alwidget.__version__}" in done.stdout
    for title in ("packages", "devices", "caches", "model"):
        assert f"\n{title}\n" in done.stdout
    assert re.search(r"^ {2}auto +\S", done.stdout, re.MULTILINE)
    assert re.search(r"^ {2}why +\S", done.stdout, re.MULTILINE)


def test_a_terminal_that_lacks_letters_is_no_reason_to_fail(tmp_path):
    texts = ["naïve → 日本語", "plain"]
    with alwidget.annotate(texts, labels=["é", "z"], path=tmp_path / "ü.alw", model="tf-idf") as session:
        session.record(next(iter(session.pool.ids)), "é")
    done = alw("check", "ü.alw", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xfc.alw" in done.stdout


def test_a_reader_that_goes_away_is_no_crash(tmp_path):
    reading, writing = os.pipe()
    with subprocess.Popen(
        [*COMMAND, "info"], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(writing)
        os.close(reading)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 141
    assert said == ""


# Demo -----------------------------------------------------------------------------------------------------------------

SMALL = ["demo", "--simulate", "--model", "tf-idf", "--n", "300", "--rounds", "3", "--batch-size", "20"]


def test_demo_labels_the_corpus_and_leaves_a_session(tmp_path):
    first = alw(*SMALL, "--seed", "3", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    rows = re.findall(
        r"^ +(20|40|60) +\d+\.\d% \(0\.\d\d\) +\d+\.\d% \(0\.\d\d\) +[+-]\d+\.\d$", first.stdout, re.MULTILINE
    )
    assert rows == ["20", "40", "60"]
    assert "60/120" in first.stderr or "120/120" in first.stderr
    assert "docstrings.alw" in first.stdout

    snapshot = json.loads((tmp_path / "docstrings.alw" / "annotations.json").read_text(encoding="utf-8"))
    assert snapshot["format"] == "alwidget/1"
    assert len(snapshot["annotations"]) == 60
    assert {row["annotator"] for row in snapshot["annotations"]} == {"oracle"}
    gold = alwidget.datasets.docstrings().set_index("id")["label"]
    assert all(row["label"] == gold[row["id"]] for row in snapshot["annotations"])
    assert {row["round"] for row in snapshot["annotations"]} == {1, 2, 3}

    again = alw(*SMALL, "--seed", "3", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stdout == first.stdout.replace("docstrings.alw", "docstrings-2.alw")
    other = json.loads((tmp_path / "docstrings-2.alw" / "annotations.json").read_text(encoding="utf-8"))
    picked = [[(row["id"], row["label"], row["round"]) for row in s["annotations"]] for s in (snapshot, other)]
    assert picked[0] == picked[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["docstrings-2.alw", "docstrings.alw"]


@pytest.mark.parametrize(
    ("task", "key", "model", "measure"),
    [
        ("multilabel", "labels", "tf-idf", "micro F1 (macro F1)"),
        ("tagging", "spans", "auto", "entity F1 (macro F1)"),
        ("generation", "target", "auto", "ROUGE-L (ROUGE-1)"),
    ],
)
def test_demo_labels_the_corpus_of_every_task(task, key, model, measure, tmp_path):
    small = ["--model", model, "--n", "140", "--rounds", "2", "--batch-size", "20"]
    done = alw("demo", "--simulate", "--task", task, *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert measure in done.stdout
    scores = re.findall(r"^ +(?:20|40) +(\d+\.\d)%.* +(\d+\.\d)%", done.stdout, re.MULTILINE)
    assert len(scores) == 2
    assert float(scores[-1][0]) > 5
    assert ("the nearest labelled document" in done.stdout) == (task == "generation")

    kept = json.loads((tmp_path / f"docstrings-{task}.alw" / "annotations.json").read_text(encoding="utf-8"))
    assert (kept["task"], len(kept["annotations"])) == (task, 40)
    gold = alwidget.datasets.docstrings(task).set_index("id")[key]
    assert all(row[key] == gold[row["id"]] for row in kept["annotations"])


def test_demo_without_a_baseline_and_in_a_place_of_ones_own(tmp_path):
    done = alw(*SMALL, "--no-baseline", "--strategy", "breaking-ties", "-o", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "breaking-ties" in done.stdout
    assert "random" not in done.stdout
    assert (tmp_path / "mine" / "annotations.json").is_file()
    refused = alw(*SMALL, "-o", "mine", cwd=tmp_path)
    assert refused.returncode == 1
    assert "is there already" in refused.stderr


def test_the_simulation_ends_when_no_documents_are_left(tmp_path):
    corpus = alwidget.datasets.docstrings(n=60)
    gold = dict(zip(corpus["id"], corpus["label"], strict=True))
    test = HeldOut(corpus["text"].tolist()[40:], corpus["label"].tolist()[40:])
    answers = []
    with alwidget.annotate(
        corpus.head(40)[["id", "text"]],
        labels=alwidget.datasets.labels(),
        path=tmp_path / "s.alw",
        model="tf-idf",
        batch_size=15,
    ) as session:
        points = list(simulate(session, gold, test, rounds=9, batch_size=15, on_answer=lambda: answers.append(1)))
        assert [point.labelled for point in points] == [15, 30, 40]
        assert session.next(1) == []
        assert all(row.label == gold[row.id] for row in session.annotations)
    assert len(answers) == 40
    assert all(0 <= point.beside <= 1 and 0 <= point.score <= 1 for point in points)


def test_an_interrupted_demo_keeps_what_was_recorded(tmp_path):
    with subprocess.Popen(
        [*COMMAND, "demo", "--simulate", "--model", "tf-idf", "--rounds", "15"],
        cwd=tmp_path,
        # whoever started the tests in the background had them ignore interrupts, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  it takes no lock
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        log = tmp_path / "docstrings.alw" / "log"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and sum(f.stat().st_size for f in log.glob("*.jsonl")) < 5000:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert out == ""
    assert said.rstrip().endswith("alwidget demo: interrupted")
    assert "Traceback" not in said
    assert len(alwidget.load_annotations(tmp_path / "docstrings.alw")) >= 5


def test_demo_opens_the_quickstart_in_jupyterlab(tmp_path):
    """A real server starts on a copy of the notebook; a notebook that is there already is left as it is."""
    mine = tmp_path / "01_quickstart.ipynb"
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "conf"), "JUPYTER_TOKEN": "t0ken"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for expected in (None, b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'):
        if expected is not None:
            mine.write_bytes(expected)
        said = tmp_path.parent / "jupyter.log"
        with (
            said.open("w") as output,
            subprocess.Popen(
                [*COMMAND, "demo", "--no-browser", "--port", str(port)],
                cwd=tmp_path,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                url = f"http://127.0.0.1:{port}/api/contents/01_quickstart.ipynb?content=0&token=t0ken"
                assert answer_of(url, process)["type"] == "notebook"
            finally:
                stop(process)
        assert "Open the address below" in said.read_text()
        assert f"http://127.0.0.1:{port}/" in said.read_text()
        assert mine.read_bytes() == (expected or Path(template_path()).read_bytes())


def answer_of(url, process):
    """Return the JSON at an address, once the server listens."""
    for _ in range(600):
        with contextlib.suppress(ConnectionError, urllib.error.URLError), urllib.request.urlopen(url) as answer:
            return json.load(answer)
        assert process.poll() is None, "JupyterLab ended by itself"
        time.sleep(0.1)
    pytest.fail("JupyterLab did not answer within a minute")


def stop(process):
    """End a server, gently if it lets us."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()


def template_path():
    return Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"


# The curves in letters ------------------------------------------------------------------------------------------------


def curve(name, *accuracies):
    return Curve(name, tuple(Point(i, 50 * i, a, a - 0.05) for i, a in enumerate(accuracies, start=1)))


def test_a_curve_knows_its_area_and_when_it_arrived():
    found = curve("tyrogue", 0.5, 0.7, 0.9)
    assert found.area == pytest.approx(0.7)
    assert found.labels_to(0.65) == 100
    assert found.labels_to(0.95) is None


def test_the_table_has_a_row_for_each_round_and_the_gain():
    lines = simulation.table([curve("tyrogue", 0.5, 0.8), curve("random", 0.5, 0.7)]).splitlines()
    assert lines[0].split() == ["labels", "tyrogue", "random", "gain"]
    assert lines[1].split() == ["50", "50.0%", "(0.45)", "50.0%", "(0.45)", "+0.0"]
    assert lines[2].split() == ["100", "80.0%", "(0.75)", "70.0%", "(0.65)", "+10.0"]
    assert lines[3].split() == ["mean", "65.0%", "60.0%", "+5.0"]


def test_the_chart_draws_every_point_in_its_place():
    lines = simulation.chart([curve("tyrogue", 0.5, 0.9), curve("random", 0.5, 0.7)], height=5).splitlines()
    assert lines[0].startswith("   90% |")
    assert lines[0].index("*") == 8 + 5 + 2
    assert lines[2].index("o") == 8 + 5 + 2
    assert lines[4].index("@") == 8 + 2
    assert lines[-2].split() == ["50", "100"]
    flat = simulation.chart([curve("tyrogue", 0.5, 0.5)])
    assert flat.count("*") == 3  # two points and the legend


def test_the_report_says_how_many_labels_were_saved():
    curves = (curve("tyrogue", 0.5, 0.8, 0.9), curve("random", 0.4, 0.6, 0.75))
    said = simulation.report(Demo(Path("x.alw"), "a model", 1000, 200, curves))
    assert "a model, 1,000 documents to choose from, accuracy on 200 others" in said
    written = simulation.report(Demo(Path("x.alw"), "a reader", 1000, 200, curves, "generation", NEAREST))
    assert "ROUGE-L on 200 others\n\nThis model does not write; measured is the answer to the nearest" in written
    assert "random ends at 75.0% with 150 labels; tyrogue was there with 100 (67%)." in said
    behind = (curve("tyrogue", 0.5, 0.6), curve("random", 0.4, 0.7))
    assert "tyrogue did not reach" in simulation.report(Demo(Path("x.alw"), "a model", 1000, 200, behind))


def test_models_are_made_without_labels_and_a_second_run_finds_them(tmp_path):
    texts, _ = sentences(60)
    (tmp_path / "films.csv").write_text("film\n" + "\n".join(texts), encoding="utf-8")
    make_masked(tmp_path / "bert")
    options = ("--text", "film", "--steps", 3, "--device", "cpu", "--quiet")
    first = alw("distill", "./bert", "films.csv", "--layers", 1, "-o", "student", *options, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "agreement after" in first.stdout
    assert first.stdout.splitlines()[-1] == "student"
    assert first.stderr == ""
    report = (tmp_path / "student" / "distilled.json").read_bytes()
    again = alw("distill", "./bert", "films.csv", "--layers", 1, "-o", "student", *options, cwd=tmp_path)
    assert again.stdout == first.stdout
    assert (tmp_path / "student" / "distilled.json").read_bytes() == report
    adapted = alw("adapt", "./bert", "films.csv", "-o", "adapted", *options, cwd=tmp_path)
    assert adapted.returncode == 0, adapted.stderr
    assert "perplexity" in adapted.stdout
    assert (tmp_path / "adapted" / "model.safetensors").is_file()
    refused = alw("adapt", "./bert", "films.csv", "-o", "student", *options, cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "other arguments" in refused.stderr


def test_every_command_is_in_the_reference():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for command in cli.app.COMMANDS:
        assert f"## `alwidget {command}" in page
    for action in cli.app.parser()._actions:
        for name, command in (action.choices or {}).items():
            for option in command._actions:
                for flag in option.option_strings:
                    if flag.startswith("--") and flag not in ("--help", "--debug"):
                        assert flag in page, (name, flag)


def test_a_session_becomes_a_model_of_another_architecture(tmp_path):
    texts = [f"a fine film, number {i}" if i % 2 else f"a poor film, number {i}" for i in range(60)]
    (tmp_path / "films.csv").write_text("film\n" + "\n".join(f'"{text}"' for text in texts), encoding="utf-8")
    with alwidget.annotate(texts, labels=["good", "bad"], path=tmp_path / "films.alw", model="tf-idf") as session:
        for item in session.next(20):
            session.record(item.id, "good" if "fine" in item.text else "bad")
    options = ("--successor", "tf-idf", "--data", "films.csv", "--text", "film", "--folds", 2, "--quiet")
    first = alw("plasm", "films.alw", *options, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    assert "labels of people 20 (" in first.stdout
    place = tmp_path / first.stdout.splitlines()[-1]
    assert place == tmp_path / "films.alw" / "plasm" / "successor" / "model"
    assert place.is_dir()
    made = (tmp_path / "films.alw" / "plasm" / "report" / "report.json").read_bytes()
    again = alw("plasm", "films.alw", *options, cwd=tmp_path)
    assert again.stdout == first.stdout
    assert (tmp_path / "films.alw" / "plasm" / "report" / "report.json").read_bytes() == made
    for wrong, about in (
        (("--holdout", 2), "holdout is a share"),
        (("--successor", "tf-idff"), "tf-idff"),
        (("--data", "gone.csv"), "gone.csv"),
        (("--task", "tagging"), "says itself what task"),
    ):
        refused = alw("plasm", "films.alw", *options, *wrong, cwd=tmp_path)
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert about in refused.stderr
    assert alw("plasm", "films.alw", "--folds", "many", cwd=tmp_path).returncode == 2
