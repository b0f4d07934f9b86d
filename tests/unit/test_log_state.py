from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.log.events import Event, Said, StoredDocument, write_time
from alwidget.log.state import State
from alwidget.tasks import Label
from log_model import Model, seen

BASE = ["A", "B"]
NAMES = [*BASE, "C", "D"]
KINDS = ["annotate"] * 5 + ["skip", "flag", "note", "clear", "undo", "undo", "redo", "setting"]
LABEL_OPS = ["label-add", "label-rename", "label-merge", "label-delete"]


def new_state() -> State:
    return State([Label(name) for name in BASE])


LABEL = st.sampled_from(NAMES)
NOTE = st.sampled_from([None, "", "n1", "n2"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "annotate": LABEL,
    "flag": st.sampled_from([None, True, False]),
    "label-add": LABEL.map(lambda name: {"name": name}),
    "label-delete": LABEL.map(lambda name: {"name": name}),
    "label-rename": st.builds(lambda old, new: {"from": old, "to": new}, LABEL, LABEL),
    "label-merge": st.builds(lambda old, new: {"from": old, "to": new}, st.lists(LABEL, unique=True), LABEL),
    "setting": st.builds(lambda name, value: {name: value}, st.sampled_from(["model", "seed"]), st.integers(0, 9)),
}


def details(draw: st.DrawFn, kind: str, clients: list[str]) -> dict[str, Any]:
    if kind in {"undo", "redo"}:
        return {"target": draw(st.sampled_from([None, *clients, "never"]))}
    what: dict[str, Any] = {"value": draw(VALUES.get(kind, st.none()))}
    if kind in LABEL_OPS:
        what["origin"] = draw(st.sampled_from([None, "imported"]))
    elif kind != "setting":
        what["id"] = draw(st.sampled_from("xyz"))
        what["note"] = draw(NOTE) if kind in {"annotate", "flag", "note"} else None
        what["document"] = draw(st.sampled_from([None, StoredDocument(f"text of {what['id']}")]))
    if kind != "setting":
        what["group"] = draw(st.sampled_from([None, None, None, "g1", "g1", "g2"]))
    return what


@st.composite
def written(draw: st.DrawFn, max_size: int = 14) -> list[list[Said]]:
    """The files of two writers: times that may be equal, targets of each other, groups, repeated clients."""
    n = draw(st.integers(0, max_size))
    clients = [f"c{i}" for i in range(n)]
    files: dict[str, list[Said]] = {"ana": [], "bob": []}
    clock = dict.fromkeys(files, 0)
    for i in range(n):
        writer = draw(st.sampled_from(["ana", "bob"]))
        clock[writer] += draw(st.integers(0, 3))
        kind = draw(st.sampled_from(KINDS + LABEL_OPS))
        client = draw(st.sampled_from([clients[i], clients[i], clients[i], clients[0]]))
        time, seq = write_time(clock[writer]), len(files[writer]) + 1
        event = Event(1, seq, time, writer, kind, client=client, **details(draw, kind, clients))
        files[writer].append(Said((time, writer, seq), event))
    return list(files.values())


def interleaved(files: list[list[Said]], order: list[bool]) -> list[Said]:
    """Merge two files by a list of choices, each file in its own order."""
    queues = [list(file) for file in files]
    out = [queues[choice].pop(0) for choice in order if queues[choice]]
    return [*out, *queues[0], *queues[1]]


@settings(max_examples=1000)
@given(written(), st.lists(st.booleans(), max_size=14))
def test_the_order_in_which_files_are_read_makes_no_difference(files, order):
    in_order, as_read = new_state(), new_state()
    for one in sorted(files[0] + files[1], key=lambda one: one.place):
        in_order.apply(one)
    for one in interleaved(files, order):
        as_read.apply(one)
    assert seen(as_read) == seen(in_order)
    as_read.refold()
    assert seen(as_read) == seen(in_order)


@settings(max_examples=600)
@given(written(), st.lists(st.booleans(), max_size=14))
def test_the_fold_agrees_with_the_definition(files, order):
    state = new_state()
    for one in interleaved(files, order):
        state.apply(one)
    model = Model(files[0] + files[1], BASE)
    answers = {doc: (a.value, a.flagged, a.skipped, a.note) for doc, a in state.answers.items()}
    assert answers == model.answers()
    assert [label.name for label in state.labels] == model.labels()
    for writer in ("ana", "bob"):
        for kind in ("undo", "redo"):
            said, unit = state.next_turn(writer, kind), model.next_unit(writer, kind)
            # a unit of which no event is known yet cannot be turned
            assert (said.unit if said else None) == unit or not any(one.unit == unit for one in model.said)
    assert {entry.client: entry.undone for entry in state.history(None)} == {
        one.name: model.undone(one) for one in model.said if one.event.event not in {"undo", "redo", "setting"}
    }


@settings(max_examples=300)
@given(written(), st.lists(st.booleans(), max_size=14))
def test_apply_names_every_document_of_which_something_else_is_said(files, order):
    state = new_state()
    for one in interleaved(files, order):
        before = dict(state.answers.items())
        changed = set(state.apply(one))
        after = dict(state.answers.items())
        assert {doc for doc in {**before, **after} if before.get(doc) != after.get(doc)} <= changed


@settings(max_examples=300)
@given(written(), written())
def test_replacing_a_file_is_as_if_it_had_always_been_so(files, others):
    state = new_state()
    for file in files:
        for one in file:
            state.apply(one)
    state.replace("ana", others[0])
    fresh = new_state()
    for one in others[0] + files[1]:
        fresh.apply(one)
    assert seen(state) == seen(fresh)


class Scribe:
    """Says things to a state, as one writer would."""

    def __init__(self, writer: str = "ana", state: State | None = None) -> None:
        self.state, self.writer, self.time, self.seq = state or new_state(), writer, 0, 0

    def say(self, kind: str, doc: str | None = None, value: Any = None, **what: Any) -> Said:
        self.seq += 1
        self.time += 1
        time = write_time(self.time)
        what.setdefault("client", f"{self.writer}{self.seq}")
        one = Said(
            (time, self.writer, self.seq), Event(1, self.seq, time, self.writer, kind, id=doc, value=value, **what)
        )
        self.state.apply(one)
        return one

    def turn(self, kind: str) -> bool:
        said = self.state.next_turn(self.writer, kind)
        if said is not None:
            self.say(kind, target=said.name, group=said.event.group)
        return said is not None

    def values(self) -> dict[str, Any]:
        return {doc: (a.value, a.status, a.note) for doc, a in self.state.answers.items()}


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["annotate", "annotate", "skip", "flag", "clear", "note", "bulk", "rename", "undo", "redo"]),
        st.sampled_from("xyz"),
        st.sampled_from(NAMES),
    ),
    max_size=12,
)


def act(scribe: Scribe, kind: str, doc: str, value: str) -> None:
    if kind in {"undo", "redo"}:
        scribe.turn(kind)
    elif kind == "bulk":
        for each in "xyz":
            scribe.say(
                "annotate",
                each,
                value,
                group=f"g{scribe.seq}" if each == "x" else scribe.state.find(f"ana{scribe.seq}").event.group,
            )
    elif kind == "rename":
        scribe.say("label-rename", value={"from": value, "to": "A"})
    else:
        scribe.say(kind, doc, value if kind == "annotate" else None, note=doc if kind == "note" else None)


@settings(max_examples=300)
@given(ACTIONS)
def test_undo_all_the_way_back_and_redo_all_the_way_forth(actions):
    scribe = Scribe()
    steps = [(scribe.values(), scribe.state.labels)]
    for kind, doc, value in actions:
        if kind in {"undo", "redo"}:
            continue
        act(scribe, kind, doc, value)
        steps.append((scribe.values(), scribe.state.labels))
    for step in reversed(steps[:-1]):
        assert scribe.turn("undo")
        assert (scribe.values(), scribe.state.labels) == step
    assert not scribe.turn("undo")
    for step in steps[1:]:
        assert scribe.turn("redo")
        assert (scribe.values(), scribe.state.labels) == step
    assert not scribe.turn("redo")


@settings(max_examples=300)
@given(ACTIONS)
def test_undo_then_redo_changes_nothing_and_a_decision_clears_redo(actions):
    scribe = Scribe()
    for kind, doc, value in actions:
        act(scribe, kind, doc, value)
    before, could = (scribe.values(), scribe.state.labels), scribe.state.next_turn("ana", "undo")
    if scribe.turn("undo"):
        assert scribe.turn("redo")
    assert (scribe.values(), scribe.state.labels) == before
    assert scribe.state.next_turn("ana", "undo") == could
    scribe.say("skip", "x")
    assert not scribe.state.can_redo("ana")


def test_statuses():
    scribe = Scribe()
    status = lambda doc: (a := scribe.state.answer(doc)) and (a.status, a.value, a.flagged, a.note)  # noqa: E731
    scribe.say("note", "x", note="hm")
    assert status("x") is None
    assert scribe.state.note("x") == "hm"
    scribe.say("flag", "x")
    assert status("x") == ("flagged", None, True, "hm")
    scribe.say("annotate", "x", "A")
    assert status("x") == ("labelled", "A", True, "hm")
    scribe.say("skip", "x")
    assert status("x") == ("flagged", None, True, "hm")
    scribe.say("flag", "x", value=False, note="")
    assert status("x") == ("skipped", None, False, None)
    assert (scribe.state.n_labelled, scribe.state.n_skipped, scribe.state.n_flagged) == (0, 1, 0)
    scribe.say("clear", "x")
    assert status("x") is None
    assert scribe.state.label_counts == {}


def test_a_bulk_action_is_undone_as_one_and_by_any_of_its_events():
    scribe = Scribe()
    scribe.say("annotate", "w", "B")
    for doc in "xyz":
        scribe.say("annotate", doc, "A", group="g")
    assert scribe.turn("undo")
    assert set(scribe.state.answers) == {"w"}
    assert scribe.turn("redo")
    assert scribe.state.labelled == {"w", "x", "y", "z"}
    scribe.say("undo", target="ana3")
    assert scribe.state.labelled == {"w"}


def test_a_decision_further_back_can_be_undone_on_its_own():
    scribe = Scribe()
    scribe.say("annotate", "x", "A")
    scribe.say("annotate", "x", "B")
    scribe.say("annotate", "y", "A")
    scribe.say("undo", target="ana:1")
    assert scribe.values()["x"][0] == "B"
    scribe.say("undo", target="ana2")
    assert "x" not in scribe.state.answers
    assert scribe.state.next_turn("ana", "undo").event.id == "y"
    scribe.say("redo", target="ana:1")
    assert scribe.values()["x"][0] == "A"


def test_undo_stays_with_its_writer_unless_it_names_another():
    ana = Scribe("ana")
    bob = Scribe("bob", ana.state)
    ana.say("annotate", "x", "A")
    bob.time = 5
    bob.say("annotate", "y", "B")
    assert ana.state.next_turn("ana", "undo").event.id == "x"
    bob.say("undo", target="ana1")
    assert not ana.state.can_undo("ana")
    assert ana.state.labelled == {"y"}
    assert bob.turn("redo")
    assert ana.state.labelled == {"x", "y"}


@pytest.mark.parametrize(
    ("key", "value", "renamed", "merged", "deleted"),
    [
        ("label", "A", "Z", "B", None),
        ("labels", ["A", "B"], ["Z", "B"], ["B"], ["B"]),
        ("spans", [{"start": 0, "label": "A"}], [{"start": 0, "label": "Z"}], [{"start": 0, "label": "B"}], []),
        ("target", "A", "A", "A", "A"),
    ],
)
def test_labels_change_in_the_answers_of_every_task(key, value, renamed, merged, deleted):
    for kind, what, wanted in (
        ("label-rename", {"from": "A", "to": "Z"}, renamed),
        ("label-merge", {"from": ["A"], "to": "B"}, merged),
        ("label-delete", {"name": "A"}, deleted),
    ):
        scribe = Scribe(state=State([Label("A"), Label("B")], key=key))
        scribe.say("annotate", "x", value)
        scribe.say(kind, value=what)
        answer = scribe.state.answer("x")
        assert (answer.value if answer else None) == wanted
        assert scribe.turn("undo")
        assert scribe.state.answer("x").value == value


def test_labels_keep_their_order_and_definitions():
    scribe = Scribe(state=State([Label("A", "first"), Label("B"), Label("C")]))
    scribe.say("label-rename", value={"from": "A", "to": "Z"})
    scribe.say("label-add", value={"name": "D", "definition": "last"})
    scribe.say("label-merge", value={"from": ["B"], "to": "C"})
    assert scribe.state.labels == (Label("Z", "first"), Label("C"), Label("D", "last"))
    scribe.say("label-add", value={"name": "C", "definition": "third"})
    assert scribe.state.labels[1] == Label("C", "third")


def test_history_pages_and_filters():
    scribe = Scribe()
    for i in range(10):
        text = StoredDocument(f"Straße number {i}", source="news")
        scribe.say("annotate", f"d{i}", "AB"[i % 2], document=text)
    scribe.say("flag", "d1", note="hard to say")
    scribe.say("undo", target="ana4")
    state = scribe.state
    assert [entry.id for entry in state.history(3)] == ["d1", "d9", "d8"]
    assert [entry.id for entry in state.history(2, offset=10)] == ["d0"]
    assert [entry.id for entry in state.history(query="STRASSE NUMBER 7")] == ["d7"]
    assert [entry.id for entry in state.history(query="Hard")] == ["d1"]
    assert [entry.id for entry in state.history(status="flagged")] == ["d1"]
    assert [entry.id for entry in state.history(label="A", limit=2)] == ["d8", "d6"]
    assert state.history(annotator="bob") == []
    entry = state.history(query="d3")[0]
    assert (entry.undone, entry.excerpt, entry.value) == (True, "Straße number 3", "B")
    scribe.say("label-rename", value={"from": "A", "to": "Z"})
    assert {entry.value for entry in state.history(label="Z")} == {"Z"}
    assert state.history(1)[0].event == "label-rename"


def test_answers_may_be_looped_over_while_they_change():
    scribe = Scribe()
    for doc in "abc":
        scribe.say("annotate", doc, "A")
    for doc in scribe.state.answers:
        scribe.say("annotate", doc * 2, "B")
    for answer in scribe.state.answers.values():
        scribe.say("clear", answer.id)
    assert len(scribe.state.answers) == 0


def test_an_answer_keeps_why_it_was_asked_and_the_document():
    scribe = Scribe()
    document = StoredDocument("the text")
    scribe.say("annotate", "x", "A", key="k", document=document, seconds=2.5, origin="accepted")
    scribe.say("annotate", "x", "B", key="k")
    answer = scribe.state.answer("x")
    assert (answer.document, answer.value, answer.client, answer.seconds) == (document, "B", "ana2", None)
    assert scribe.state.document("x", "k") == document
    assert scribe.state.document("x", "other content") is None


def test_a_document_that_is_written_later_is_the_earlier_answers_too():
    scribe = Scribe()
    scribe.say("annotate", "x", "A", key="k")
    scribe.say("note", "x", note="n", key="k", document=StoredDocument("the text"))
    assert scribe.state.answer("x").document.text == "the text"


def test_an_undo_that_was_read_first_also_holds_for_labels():
    """The rest of a bulk action comes from another file, after the undo of its first part."""
    state = new_state()
    rows = [
        ("bob", 1, 2, "annotate", {"id": "x", "value": "A", "group": "g", "client": "b1"}),
        ("bob", 2, 9, "undo", {"target": "b1", "group": "g"}),
        ("ana", 1, 3, "label-add", {"value": {"name": "new"}, "group": "g"}),
    ]
    for writer, seq, at, kind, what in rows:
        state.apply(Said((write_time(at), writer, seq), Event(1, seq, write_time(at), writer, kind, **what)))
    assert [label.name for label in state.labels] == BASE


def test_two_events_with_one_number_both_count():
    """A merge of two copies of a session leaves such files."""
    state = new_state()
    for doc in "xy":
        state.apply(Said((write_time(1), "ana", 1), Event(1, 1, write_time(1), "ana", "annotate", id=doc, value="A")))
    assert state.labelled == {"x", "y"}
    assert len(state.history(None)) == 2
