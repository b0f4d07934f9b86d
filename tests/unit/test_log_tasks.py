"""The log of the tasks beside classification: what is written, renamed, checked, read again, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alwidget import tasks
from alwidget.errors import LabelError
from alwidget.log import Log, StoredDocument, check, load_annotations
from alwidget.tasks import read_labels

TEXT = "👩‍👩‍👧‍👦 Ada met Bob in Zu\u0308rich."
DOCUMENT = StoredDocument(TEXT)
ADA = {"start": TEXT.index("Ada"), "end": TEXT.index("Ada") + 3, "label": "PER"}
BOB = {"start": TEXT.index("Bob"), "end": TEXT.index("Bob") + 3, "label": "PER"}
ZURICH = {"start": TEXT.index("Zu"), "end": TEXT.index("."), "label": "LOC"}


def start(folder: Path, task: str = "tagging", **options: Any) -> Log:
    labels = ["PER", "LOC", "ORG"] if task != "generation" else []
    return Log.open(folder, task=tasks.get(task, labels, **options), labels=read_labels(labels), annotator="ana")


def slices(value: list[dict[str, Any]]) -> list[str]:
    return [span["text"] for span in value]


def test_spans_are_written_with_their_text_and_read_again(tmp_path: Path) -> None:
    with start(tmp_path) as log:
        log.append("annotate", id="d", key="k", value=[ZURICH, ADA], document=DOCUMENT)
        assert slices(log.state.answers["d"].value) == ["Ada", "Zu\u0308rich"]
        # the document is known from the first answer, and spans are held against it also when it does not come along
        with pytest.raises(LabelError, match=r'Document "d": (?s:.*)but the text has'):
            log.append("annotate", id="d", key="k", value=[{**ADA, "end": 400}])
        log.append("annotate", id="d", key="k", value=[BOB])
        log.append("annotate", id="e", value=[], document=DOCUMENT)
    with start(tmp_path) as log:
        assert slices(log.state.answers["d"].value) == ["Bob"]
        assert log.state.answers["e"].value == []
        assert log.state.answers["e"].status == "labelled"
        assert log.state.n_labelled == 2
        log.undo()
        log.undo()
        assert slices(log.state.answers["d"].value) == ["Ada", "Zu\u0308rich"]
    frame = load_annotations(tmp_path)
    assert slices(frame["spans"][0]) == ["Ada", "Zu\u0308rich"]


def test_renaming_merging_and_deleting_labels_of_spans(tmp_path: Path) -> None:
    with start(tmp_path, overlap=True) as log:
        log.append("annotate", id="d", value=[ADA, {**ADA, "label": "ORG"}, ZURICH], document=DOCUMENT)
        log.append("label-rename", value={"from": "PER", "to": "person"})
        assert [s["label"] for s in log.state.answers["d"].value] == ["ORG", "person", "LOC"]
        log.append("label-merge", value={"from": ["ORG"], "to": "person"})
        assert [s["label"] for s in log.state.answers["d"].value] == ["person", "LOC"]
        log.append("label-delete", value="person")
        assert slices(log.state.answers["d"].value) == ["Zu\u0308rich"]
        for _ in range(3):
            log.undo()
        assert [s["label"] for s in log.state.answers["d"].value] == ["ORG", "PER", "LOC"]


def test_labels_are_coined_while_spans_are_drawn(tmp_path: Path) -> None:
    with Log.open(tmp_path, task="tagging", open_labels=True, annotator="ana") as log:
        log.append("annotate", id="d", value=[ADA, ZURICH], document=DOCUMENT)
        assert [label.name for label in log.labels] == ["LOC", "PER"]
        log.undo()
        assert log.labels == ()


def test_written_text_has_no_labels(tmp_path: Path) -> None:
    with start(tmp_path, "generation") as log:
        log.append("annotate", id="d", value="Ada met Bob.", document=DOCUMENT)
        with pytest.raises(LabelError, match="no labels"):
            log.append("label-add", value="x")
        assert log.record("d")["target"] == "Ada met Bob."


def test_several_labels_and_none_of_them(tmp_path: Path) -> None:
    with start(tmp_path, "multilabel") as log:
        log.append("annotate", id="d", value=["LOC", "PER"], document=DOCUMENT)
        log.append("annotate", id="e", value=[], document=DOCUMENT)
        assert log.record("d")["labels"] == ["PER", "LOC"]
        assert (log.record("e")["labels"], log.record("e")["status"]) == ([], "labelled")
        assert log.state.label_counts == {"PER": 1, "LOC": 1}


@pytest.mark.parametrize("task", ["multilabel", "tagging"])
def test_a_lost_session_file_is_inferred_from_the_answers(tmp_path: Path, task: str) -> None:
    with start(tmp_path, task) as log:
        log.append("annotate", id="d", value=["PER"] if task == "multilabel" else [ADA], document=DOCUMENT)
    for name in ("session.json", "annotations.json"):
        (tmp_path / name).unlink()
    assert check(tmp_path, repair=True).ok
    assert Log.describe(tmp_path)["task"] == task


def test_the_check_finds_a_span_that_is_not_what_the_document_says(tmp_path: Path) -> None:
    with start(tmp_path) as log:
        log.append("annotate", id="d", value=[ADA, BOB], document=DOCUMENT)
    assert check(tmp_path).ok
    file = next((tmp_path / "log").glob("*.jsonl"))
    file.write_text(file.read_text().replace(f'"start":{BOB["start"]},', f'"start":{BOB["start"] - 1},'))
    report = check(tmp_path, repair=True)
    assert not report.ok
    assert 'span 2 of document "d" is wrong: its text is "Bob", but the document says " Bob" there' in str(report)


CHILD = """
import sys
sys.path[:0] = sys.argv[3:]
import test_log_tasks as own
from alwidget.log import StoredDocument
log = own.start(own.Path(sys.argv[1]))
for i in range(int(sys.argv[2]), 100_000):
    log.append("annotate", id=f"d{i}", value=[own.ADA, own.ZURICH][: i % 3], document=own.DOCUMENT)
    print(i, flush=True)
"""


def test_every_acknowledged_span_survives_a_kill(tmp_path: Path) -> None:
    acknowledged = 0
    for _ in range(4):
        command = [sys.executable, "-c", CHILD, str(tmp_path / "s"), str(acknowledged), str(Path(__file__).parent)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        assert process.stdout is not None
        for _ in range(15):
            acknowledged = int(process.stdout.readline()) + 1
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
        process.wait()
        acknowledged = int(rest[-1]) + 1 if rest and rest[-1].isdigit() else acknowledged
    assert check(tmp_path / "s", repair=True).ok
    with start(tmp_path / "s") as log:
        for i in range(acknowledged):
            assert slices(log.state.answers[f"d{i}"].value) == ["Ada", "Zu\u0308rich"][: i % 3]
    stored = json.loads((tmp_path / "s" / "annotations.json").read_text())
    assert {row["id"] for row in stored["annotations"]} >= {f"d{i}" for i in range(acknowledged)}
