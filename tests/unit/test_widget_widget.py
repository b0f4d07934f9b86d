"""The widget without a kernel: made, displayed, driven as a page drives it, closed."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from ipywidgets import HBox

import alwidget.widget
from alwidget.errors import MissingExtraError, StorageError
from alwidget.widget import protocol as p
from alwidget.widget import widget as module
from alwidget.widget.widget import AnnotationWidget
from widget_host import ListHost

WAIT = 30.0
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def static(tmp_path, monkeypatch):
    """Give the widget a front end that is there, whether or not the real one was built."""
    (tmp_path / "widget.js").write_text("export default { render() {} };", encoding="utf-8")
    (tmp_path / "widget.css").write_text(".alwidget-root { color: inherit }", encoding="utf-8")
    monkeypatch.setattr(module, "STATIC", tmp_path)
    return tmp_path


@pytest.fixture
def host():
    return ListHost()


class Page:
    """A page at the other end of the comm: hears messages and trait updates, and speaks."""

    def __init__(self, widget: AnnotationWidget):
        self.widget = widget
        self.heard: list[dict] = []
        self.updates: list[dict] = []
        self.threads: set[str] = set()
        widget.comm.publish_msg = self._publish

    def _publish(self, msg_type, data=None, **_):
        self.threads.add(threading.current_thread().name)
        if msg_type == "comm_msg" and data["method"] == "custom":
            self.heard.append(data["content"])
        elif msg_type == "comm_msg":
            self.updates.append(data["state"])

    def say(self, **content) -> list[dict]:
        before = len(self.heard)
        self.widget._handle_custom_msg({"view": "v"} | content, [])
        assert self.widget._outbox.flush(WAIT)
        return self.heard[before:]

    def hello(self):
        return self.say(kind="hello", seq=1, protocol=p.PROTOCOL_VERSION)

    def decide(self, **content):
        default = {"kind": "decide", "seq": 2, "client": "c", "action": "annotate", "item": "d0", "value": "pos"}
        return self.say(**default | content)


@pytest.fixture
def widget(static, host):
    widget = AnnotationWidget(host)
    yield widget
    widget.close()


@pytest.fixture
def page(widget):
    return Page(widget)


def test_it_comes_with_the_front_end_and_a_first_card(widget, host):
    state = widget.get_state()
    assert state["_esm"] == "export default { render() {} };"
    assert state["_css"].startswith(".alwidget-root")
    assert state["_theme"] == "auto"
    snapshot = msgspec.convert(state["_snapshot"], p.Snapshot)
    assert [item.item for item in snapshot.queue] == ["d0", "d1", "d2"]
    assert host.touched == 0, "no page is there yet"


def test_only_private_traits_are_synced(widget):
    ours = set(AnnotationWidget.class_own_traits(sync=True))
    assert ours == {"_esm", "_css", "_snapshot", "_theme"}
    assert "progress" not in widget.get_state()


def test_a_missing_front_end_says_how_to_build_it(tmp_path, monkeypatch, host):
    monkeypatch.setattr(module, "STATIC", tmp_path / "nowhere")
    with pytest.raises(MissingExtraError, match=r"make setup.*npm"):
        AnnotationWidget(host)
    assert host._listeners == []


@pytest.mark.skipif(not (module.STATIC / "widget.js").is_file(), reason="the front end was not built: run make setup")
def test_the_real_front_end_is_a_module(host):
    widget = AnnotationWidget(host)
    assert "export" in widget._esm
    assert widget._css
    widget.close()


def test_a_page_says_hello_labels_and_is_answered(page, host):
    (snapshot,) = page.hello()
    assert (snapshot["kind"], snapshot["view"], snapshot["seq"]) == ("snapshot", "v", 1)
    (ack,) = page.decide()
    assert (ack["kind"], ack["seq"], ack["client"]) == ("ack", 2, "c")
    assert host.counts().labelled == 1
    (reject,) = page.decide(client="c2", value="sprots")
    assert (reject["kind"], reject["retry"]) == ("reject", False)
    (notice,) = page.say(kind="junk")
    assert notice["kind"] == "notice"
    assert page.threads == {"alwidget-sender"}, "nobody else sends"


def test_a_message_that_is_not_even_an_object(page, widget):
    page.hello()
    before = len(page.heard)
    widget._handle_custom_msg("junk", [])
    assert widget._outbox.flush(WAIT)
    assert [content["kind"] for content in page.heard[before:]] == ["notice"]


def test_what_happens_elsewhere_reaches_the_page(page, host, widget):
    host.push(host.ack())
    assert widget._outbox.flush(WAIT)
    assert page.heard == [], "nobody has said hello"
    page.hello()
    host.push(host.working("training on 3 labels"))
    assert widget._outbox.flush(WAIT)
    assert page.heard[-1]["status"]["message"] == "training on 3 labels"


def test_what_cannot_be_sent_does_not_trouble_the_engine(page, host, widget, caplog):
    page.hello()
    with caplog.at_level(logging.WARNING):
        host.push(p.Reply(view="v", seq=1, what="item", data=object()))
    assert "could not be made" in caplog.text
    host.push(host.ack())
    assert widget._outbox.flush(WAIT)
    assert page.heard[-1]["kind"] == "ack"


def test_progress_can_be_observed_and_not_be_written(page, widget, host):
    assert widget.progress == {
        "labelled": 0,
        "skipped": 0,
        "remaining": 3,
        "total": 3,
        "round": 0,
        "state": "ready",
    }
    seen = []
    widget.observe(
        lambda change: seen.append((change["new"]["labelled"], threading.current_thread().name)), "progress"
    )
    page.hello()
    page.decide()
    assert seen == [(1, "alwidget-sender")]
    assert widget.progress["remaining"] == 2
    old = host.working("")
    host.push(host.ack())
    host.push(old)
    assert widget._outbox.flush(WAIT)
    assert widget.progress["labelled"] == 1
    with pytest.raises(Exception, match="read-only"):
        widget.progress = {}
    assert page.updates == [], "no trait travels because of a decision"


def test_an_observer_that_fails_costs_nothing(page, widget):
    def fail(_change):
        reason = "the user's own code"
        raise ZeroDivisionError(reason)

    widget.observe(fail, "progress")
    page.hello()
    assert [content["kind"] for content in page.decide()] == ["ack"]
    assert [content["kind"] for content in page.decide(client="c2", item="d1")] == ["ack"]


def test_display_brings_a_view_and_a_table(page, widget):
    page.hello()
    page.decide()
    data, _ = widget._repr_mimebundle_()
    assert data[VIEW]["model_id"] == widget.model_id
    assert "1 of 3 labelled" in data["text/html"]
    assert ">pos</td>" in data["text/html"]
    assert "alw.open('small.alw')" in data["text/plain"]


def test_displayed_anew_the_snapshot_is_new(page, widget):
    widget._repr_mimebundle_()
    assert page.updates == [], "nothing has happened since it was made"
    page.hello()
    page.decide()
    widget._repr_mimebundle_()
    (update,) = page.updates
    assert update["_snapshot"]["counts"]["labelled"] == 1
    assert [item["item"] for item in update["_snapshot"]["queue"]] == ["d1", "d2"]
    widget._repr_mimebundle_()
    assert len(page.updates) == 1
    assert page.threads == {"alwidget-sender"}


def test_it_is_displayed_though_the_session_cannot_tell(page, widget, host, monkeypatch, caplog):
    page.hello()
    page.decide()

    def gone(**_):
        reason = "the directory vanished"
        raise StorageError(reason)

    monkeypatch.setattr(host, "snapshot", gone)
    monkeypatch.setattr(host, "fallback", gone)
    data, _ = widget._repr_mimebundle_()
    assert VIEW in data
    assert "1 of 3 labelled" in data["text/html"]
    assert "the directory vanished" in caplog.text


def test_the_trait_is_bounded(static):
    host = ListHost(["x" * 20_000] * 40)
    host.guidelines = "y" * 10_000
    widget = AnnotationWidget(host)
    assert 10 <= len(widget._snapshot["queue"]) < 20
    assert len(msgspec.json.encode(widget._snapshot)) <= 256_000
    page = Page(widget)
    (snapshot,) = page.hello()
    assert len(snapshot["queue"]) == 20, "a message may be larger"
    widget.close()


@pytest.mark.parametrize("end", ["retire", "close"])
def test_the_interpreter_is_prompt_while_a_page_is_open(page, widget, end):
    before = sys.getswitchinterval()
    page.hello()
    page.hello()
    assert sys.getswitchinterval() < before
    getattr(widget, end)()
    assert sys.getswitchinterval() == before


def test_retired_it_says_why_and_keeps_its_table(page, widget, host):
    page.hello()
    page.decide()
    host.closed = True
    widget.retire("Opened again elsewhere.")
    widget.retire("A second time.")
    assert [content["text"] for content in page.heard if content["kind"] == "notice"] == ["Opened again elsewhere."]
    assert host._listeners == []
    (reject,) = page.decide(client="late", item="d1")
    assert (reject["kind"], reject["retry"], reject["client"]) == ("reject", True, "late")
    data, _ = widget._repr_mimebundle_()
    assert VIEW not in data
    assert "Opened again elsewhere." in data["text/html"]
    assert "1 of 3 labelled" in data["text/html"]


def test_closed_it_ends_its_thread_and_still_shows_a_table(page, widget, host):
    page.hello()
    page.decide()
    thread = widget._outbox._thread
    widget.close()
    widget.close()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert host._listeners == []
    host.push(host.ack())
    data, _ = widget._repr_mimebundle_()
    assert VIEW not in data
    assert "1 of 3 labelled" in data["text/html"]


def test_it_composes_and_is_given_a_theme(static, host):
    widget = AnnotationWidget(host, theme="dark", layout={"width": "50%"})
    box = HBox([widget])
    assert box.children == (widget,)
    assert widget.get_state()["_theme"] == "dark"
    with pytest.raises(Exception, match="_theme"):
        AnnotationWidget(host, theme="pink")
    widget.close()


def test_many_threads_drive_one_widget(static):
    views, each = 8, 30
    host = ListHost(["x"] * (views * each))
    widget = AnnotationWidget(host)
    page = Page(widget)

    def drive(view):
        widget._handle_custom_msg({"kind": "hello", "view": view, "seq": 0, "protocol": p.PROTOCOL_VERSION}, [])
        for i in range(each):
            doc = f"d{int(view) * each + i}"
            said = {"kind": "decide", "view": view, "seq": i + 1, "client": doc, "action": "skip", "item": doc}
            widget._handle_custom_msg(said, [])
            host.push(host.working(doc))

    threads = [threading.Thread(target=drive, args=(str(view),)) for view in range(views)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert widget._outbox.flush(WAIT)
    acks = [content["client"] for content in page.heard if content["kind"] == "ack"]
    assert sorted(acks) == sorted(f"d{i}" for i in range(views * each))
    assert widget.progress["skipped"] == views * each
    assert page.threads == {"alwidget-sender"}
    widget.close()


def test_the_room_costs_nothing_until_a_widget_is_made():
    code = (
        "import sys, alwidget.widget, alwidget.widget.handler, alwidget.widget.outbox, alwidget.widget.fallback\n"
        "heavy = {'anywidget', 'ipywidgets', 'IPython', 'numpy', 'torch', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_in_the_room_pickles():
    unsafe = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    for file in Path(alwidget.widget.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not unsafe & {name.split(".")[0] for name in names}
            assert getattr(node, "module", None) not in unsafe
            assert getattr(getattr(node, "func", None), "id", None) not in {"eval", "exec", "compile"}
