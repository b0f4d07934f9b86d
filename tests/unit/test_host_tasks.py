"""What the page is given and what it may say, task by task, over a real session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import alwidget as alw
from alwidget.host import SessionHost
from alwidget.widget import protocol as p
from alwidget.widget.fallback import static_html
from alwidget.widget.handler import Handler
from small_tasks import LABELS, ORACLES, SmallSeveral, SmallTagger, SmallWriter, texts

MODELS = {"multilabel": SmallSeveral, "tagging": SmallTagger, "generation": SmallWriter}


class Page:
    """Speaks to a session as a page does, through bytes and back."""

    def __init__(self, session: alw.Session) -> None:
        self.session, self.heard = session, list[p.ToPage]()
        self.host = SessionHost(session, session._engine)
        self._handler = Handler(self.host, self.heard.append)
        self._seq = 0

    def say(self, kind: str, **fields: Any) -> Any:
        self._seq += 1
        self._handler({"kind": kind, "view": "v", "seq": self._seq, **fields})
        return self.heard[-1]

    def snapshot(self) -> Any:
        whole = self.say("hello", protocol=p.PROTOCOL_VERSION)
        return msgspec.json.decode(msgspec.json.encode(whole))

    def annotate(self, item: str, value: Any, **fields: Any) -> Any:
        return self.say("decide", client=f"c{self._seq}", action="annotate", item=item, value=value, **fields)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    opened = []

    def start(task: str, **options: Any) -> Page:
        labels = {} if task == "generation" else {"labels": LABELS[task]}
        data = options.pop("data", None) or texts(60)
        session = alw.annotate(
            data, task=task, path=tmp_path / f"{task}{len(opened)}", model=MODELS[task](), strategy="random",
            **{**labels, **options},
        )  # fmt: skip
        opened.append(session)
        return Page(session)

    yield start
    for session in opened:
        session.close()


@pytest.mark.parametrize("task", list(MODELS))
def test_answers_suggestions_and_undo_come_in_the_form_of_the_task(page: Any, task: str) -> None:
    view = page(task)
    snapshot = view.snapshot()
    assert (snapshot["task"], snapshot["overlap"]) == (task, False)
    assert [label["name"] for label in snapshot["labels"]] == LABELS[task]
    for item in snapshot["queue"]:
        ack = view.annotate(item["item"], ORACLES[task](item["text"]), origin="human", seconds=1.0)
        assert isinstance(ack, p.Ack), ack
        assert ack.entry is not None
        assert ack.entry.value == view.session.task.validate(ORACLES[task](item["text"]), text=item["text"])
    view.session.train(wait=True)
    first = view.snapshot()["queue"][0]
    suggestion = first["suggestion"]
    assert 0 <= suggestion["confidence"] <= 1
    if task == "tagging":
        assert all(0 <= span["confidence"] <= 1 for span in suggestion["value"])
        assert all(span["text"] == first["text"][span["start"] : span["end"]] for span in suggestion["value"])
    if task == "generation":
        assert suggestion["candidates"][0] == suggestion["value"]
    if task == "multilabel":
        assert len(suggestion["probs"]) == len(LABELS[task])
    ack = view.annotate(first["item"], suggestion["value"], origin="accepted", seen=suggestion)
    assert isinstance(ack, p.Ack)
    undone = view.say("decide", client="u", action="undo")
    assert undone.item.item == first["item"]
    assert undone.item.answer is None
    html = static_html(view.host.fallback())
    assert "PER: Ada" in html or task != "tagging"


def test_words_come_with_the_items_of_tagging_only(page: Any) -> None:
    for item in page("tagging").snapshot()["queue"]:
        edges = item["words"]
        words = [item["text"][a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
        assert "".join(words) == "".join(item["text"].split())
    assert {item["words"] for item in page("multilabel").snapshot()["queue"]} == {None}
    given = page("tagging", data=[{"tokens": ["Ada's", "x y"]}])
    assert given.snapshot()["queue"][0]["words"] == [0, 5, 6, 9]
    assert page("tagging", overlap=True).snapshot()["overlap"] is True


@pytest.mark.parametrize(
    ("task", "wrong", "said"),
    [
        ("tagging", [{"start": 0, "end": 3, "label": "PER", "text": "Eva"}], "the document says"),
        ("tagging", [{"start": 0, "end": 3000, "label": "PER"}], "characters"),
        ("tagging", [{"start": 3, "end": 0, "label": "PER"}], "backwards"),
        ("tagging", "PER", "list of spans"),
        ("multilabel", ["cat", "cat"], "more than once"),
        ("multilabel", ["unicorn"], "not one of the labels"),
        ("generation", " \n", "may not be empty"),
        ("generation", None, "is a text"),
    ],
)
def test_what_does_not_fit_is_rejected_for_good(page: Any, task: str, wrong: Any, said: str) -> None:
    view = page(task)
    item = view.snapshot()["queue"][0]
    answer = view.annotate(item["item"], wrong)
    assert isinstance(answer, p.Reject)
    assert said in answer.reason
    assert item["item"] in answer.reason
    assert not answer.retry
    assert view.snapshot()["counts"]["labelled"] == 0
    answer = view.say("decide", client="l", action="label-add", value="new")
    assert isinstance(answer, p.Reject) is (task == "generation")


def test_only_strategies_of_the_task_can_be_chosen(page: Any) -> None:
    view = page("tagging")
    told = {option["name"]: option["reason"] for option in view.snapshot()["strategies"]}
    assert told["random"] is told["mnlp"] is None
    assert told["breaking-ties"] == "for classification and multilabel only"
    assert isinstance(view.say("set", name="strategy", value="breaking-ties"), p.Reject)
    assert isinstance(view.say("set", name="strategy", value="mnlp"), p.Ack)


def test_a_suggestion_of_the_data_has_no_confidence_and_stays_after_the_first_fit(page: Any) -> None:
    name = {"start": 0, "end": 3, "label": "PER", "text": "Ada"}
    data = [{"text": f"Ada {text}", "guess": [name] if i % 2 else None} for i, text in enumerate(texts(60))]
    view = page("tagging", data=data, prelabel="guess")
    for item in [item for item in view.snapshot()["queue"] if item["suggestion"] is None]:
        view.annotate(item["item"], ORACLES["tagging"](item["text"]))
    view.session.train(wait=True)
    queue = view.snapshot()["queue"]
    given = [item for item in queue if item["suggestion"]["confidence"] is None]
    assert 0 < len(given) < len(queue)
    assert all(item["suggestion"]["value"] == [{**name, "confidence": None}] for item in given)
    taken = given[0]
    ack = view.annotate(taken["item"], [name], origin="accepted", seen=taken["suggestion"])
    assert isinstance(ack, p.Ack)
    event = view.session.history(1)[0]
    assert (event.origin, event.value) == ("accepted", [name])
