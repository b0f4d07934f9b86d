"""Two writers on one session, in any order of saying, refreshing, closing, dying and resuming."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alwidget.errors import LabelError
from alwidget.log import Log, StoredDocument, check, read_session
from alwidget.log.state import State
from alwidget.tasks import read_labels
from log_model import seen

WHO = st.sampled_from(["ana", "bob"])
DOC = st.sampled_from("wxyz")
LABEL = st.sampled_from(["A", "B", "C", "D"])


class TwoWriters(RuleBasedStateMachine):
    """Everything a session can go through, on a real disk."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="alwidget-writers-"))
        self.logs: dict[str, Log] = {}
        for who in ("ana", "bob"):
            self.resume(who)

    def resume(self, who: str) -> None:
        labels = read_labels(["A", "B"])
        self.logs[who] = Log.open(self.folder, task="classification", labels=labels, open_labels=True, annotator=who)

    def teardown(self) -> None:
        for log in self.logs.values():
            log.close()
        assert check(self.folder).ok
        shutil.rmtree(self.folder)

    @rule(who=WHO, doc=DOC, label=LABEL, note=st.sampled_from([None, "n"]))
    def annotate(self, who: str, doc: str, label: str, note: str | None) -> None:
        log = self.logs[who]
        recorded = log.append(
            "annotate", id=doc, value=label, key="k", document=StoredDocument(f"text {doc}"), note=note
        )
        assert log.state.answer(doc).value == recorded.entry.value == label
        assert not log.can_redo

    @rule(who=WHO, doc=DOC, kind=st.sampled_from(["skip", "flag", "clear", "note"]))
    def mark(self, who: str, doc: str, kind: str) -> None:
        self.logs[who].append(kind, id=doc, note="n" if kind == "note" else None)

    @rule(who=WHO, docs=st.lists(DOC, min_size=1), label=LABEL)
    def bulk(self, who: str, docs: list[str], label: str) -> None:
        log = self.logs[who]
        before = answers(log.state)
        log.append_many([{"kind": "annotate", "id": doc, "value": label} for doc in docs], group=f"g{log.saved}{who}")
        after = answers(log.state)
        log.undo()
        assert answers(log.state) == before
        log.redo()
        assert answers(log.state) == after

    @rule(
        who=WHO, kind=st.sampled_from(["label-add", "label-rename", "label-merge", "label-delete"]), a=LABEL, b=LABEL
    )
    def labels(self, who: str, kind: str, a: str, b: str) -> None:
        value: Any = {"from": a, "to": b} if kind in {"label-rename", "label-merge"} else a
        log = self.logs[who]
        before = seen(log.state)
        try:
            log.append(kind, value=value)
        except LabelError:
            assert seen(log.state) == before

    @rule(who=WHO)
    def undo_and_redo(self, who: str) -> None:
        log = self.logs[who]
        before = answers(log.state), log.labels, log.can_undo
        could = log.can_undo
        assert (log.undo() is not None) == could
        if could:
            assert log.can_redo
            assert log.redo() is not None
        assert (answers(log.state), log.labels, log.can_undo) == before

    @rule(who=WHO)
    def undo(self, who: str) -> None:
        self.logs[who].undo()

    @rule(who=WHO)
    def redo(self, who: str) -> None:
        self.logs[who].redo()

    @rule(who=WHO, data=st.data())
    def undo_any(self, who: str, data: st.DataObject) -> None:
        log = self.logs[who]
        history = log.state.history(None)
        if history:
            entry = data.draw(st.sampled_from(history))
            done = log.redo(entry.client) if entry.undone else log.undo(entry.client)
            assert done.entry.undone != entry.undone

    @rule(who=WHO, name=st.sampled_from(["model", "seed"]), value=st.integers(0, 3))
    def configure(self, who: str, name: str, value: int) -> None:
        self.logs[who].update_settings(**{name: value})
        assert self.logs[who].settings[name] == value

    @rule(who=WHO)
    def refresh(self, who: str) -> None:
        self.logs[who].refresh()

    @rule(who=WHO)
    def close_and_resume(self, who: str) -> None:
        self.logs[who].close()
        self.resume(who)

    @rule(who=WHO)
    def die_and_resume(self, who: str) -> None:
        """As a killed process: nothing is flushed, the kernel drops the lock."""
        log = self.logs[who]
        log._snapshots.stop()
        log._store.release()
        log._closed = True
        self.resume(who)

    @precondition(lambda self: hasattr(self, "logs"))
    @invariant()
    def everybody_comes_to_see_the_same(self) -> None:
        for _ in range(2):
            for log in self.logs.values():
                log.refresh()
        views = [seen(log.state) for log in self.logs.values()]
        assert views[0] == views[1]
        assert all(log.unsaved == 0 for log in self.logs.values())
        assert seen(read_session(self.folder).state) == views[0]


def answers(state: State) -> dict[str, Any]:
    return {a.id: (a.value, a.status, a.note, a.flagged) for a in state.answers.values()}


TestTwoWriters = TwoWriters.TestCase
TestTwoWriters.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


class Apart(TwoWriters):
    """The same, while the writers see each other only now and then."""

    @precondition(lambda self: hasattr(self, "logs"))
    @invariant()
    def everybody_comes_to_see_the_same(self) -> None:
        pass

    @rule()
    def meet(self) -> None:
        super().everybody_comes_to_see_the_same()

    def teardown(self) -> None:
        if hasattr(self, "logs"):
            super().everybody_comes_to_see_the_same()
        super().teardown()


TestApart = Apart.TestCase
TestApart.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
