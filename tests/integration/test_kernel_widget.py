"""The widget in real kernels, spoken to as a page speaks: over the comm, from a subshell where there are some.

No front end takes part, so that the order of messages is in the test's hands. Where a test needs a busy kernel, a cell
waits for a file that the test makes.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from alwidget.widget import protocol as p
from browser.servers import IPYKERNEL_6, environment

TESTS = Path(__file__).parents[1]
WAIT = 60
"""Seconds until a test gives up."""
VIEW = "application/vnd.jupyter.widget-view+json"

SETUP = f"""
import pathlib, sys, threading, time
sys.path[:0] = {[str(TESTS), str(TESTS.parent)]!r}
from alwidget.widget import widget as module
static = pathlib.Path("static"); static.mkdir(exist_ok=True)
(static / "widget.js").write_text("export default {{ render() {{}} }};")
(static / "widget.css").write_text("")
module.STATIC = static
from widget_host import ListHost
host = ListHost([f"text {{i}}" for i in range(20)] + ["<script>alert(1)</script>"])
w = module.AnnotationWidget(host)
"""

BUSY = """
print("begun", flush=True)
while not pathlib.Path({gate!r}).exists():
    {meanwhile}
    time.sleep(0.01)
"""


class Kernel:
    """A kernel with one widget, and the page's end of its comm."""

    def __init__(self, manager: KernelManager):
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=WAIT)
        reply = self.client.kernel_info(reply=True, timeout=WAIT)
        self.has_subshells = "kernel subshells" in reply["content"].get("supported_features", [])
        self.comm_id = ""
        self.gates = itertools.count()

    # Cells -----------------------------------------------------------------------------------------------------------

    def start(self, code: str) -> str:
        return self.client.execute(textwrap.dedent(code))

    def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the messages of the kernel up to the first that is wanted."""
        heard = []
        end = time.monotonic() + WAIT
        while not heard or not wanted(heard[-1]):
            heard.append(self.client.get_iopub_msg(timeout=max(0, end - time.monotonic())))
            assert heard[-1]["msg_type"] != "error", "\n".join(heard[-1]["content"]["traceback"])
        return heard

    def finish(self, cell: str) -> list[dict[str, Any]]:
        return self.hear(lambda message: idle(message, cell))

    def run(self, code: str) -> list[dict[str, Any]]:
        return self.finish(self.start(code))

    def value(self, expression: str) -> Any:
        heard = self.run(f"import json; print('\\x01' + json.dumps({expression}) + '\\x01')")
        text = "".join(message["content"]["text"] for message in heard if message["msg_type"] == "stream")
        return json.loads(text.split("\x01")[1])

    def busy(self, meanwhile: str = "pass") -> tuple[str, Path]:
        """Start a cell that runs until the returned file exists."""
        gate = f"gate-{next(self.gates)}"
        cell = self.start(BUSY.format(gate=gate, meanwhile=meanwhile))
        self.hear(lambda message: message["msg_type"] == "stream" and "begun" in message["content"]["text"])
        return cell, Path(self.manager.cwd, gate)

    # The page --------------------------------------------------------------------------------------------------------

    def make(self) -> list[dict[str, Any]]:
        heard = self.run(SETUP) + self.run("display(w)")
        opened = [m for m in heard if m["msg_type"] == "comm_open" and "_esm" in m["content"]["data"]["state"]]
        assert len(opened) == 1
        self.comm_id = opened[0]["content"]["comm_id"]
        return heard

    def subshell(self) -> str | None:
        """Return a new subshell, as JupyterLab makes one for a page; None where the kernel has none."""
        return self.control("create_subshell_request")["subshell_id"] if self.has_subshells else None

    def control(self, kind: str, **content: Any) -> dict[str, Any]:
        self.client.control_channel.send(self.client.session.msg(kind, content))
        reply = self.client.get_control_msg(timeout=WAIT)
        assert reply["content"]["status"] == "ok", reply
        return reply["content"]

    def say(self, subshell: str | None = None, **content: Any) -> None:
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm_id, "data": data})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def answer(self, kind: str, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the next message of that kind to the page, and all that the kernel said before it."""
        heard = self.hear(lambda message: said(message, kind, fields))
        return heard[-1]["content"]["data"]["content"], heard[:-1]

    def hello(self, subshell: str | None = None, view: str = "v", seq: int = 0) -> dict[str, Any]:
        self.say(subshell, kind="hello", view=view, seq=seq, protocol=p.PROTOCOL_VERSION)
        return self.answer("snapshot", view=view, seq=seq)[0]

    def decide(self, doc: str, subshell: str | None = None, view: str = "v") -> None:
        fields = {"client": f"c-{doc}", "action": "annotate", "item": doc, "value": "pos"}
        self.say(subshell, kind="decide", view=view, seq=1, **fields)


def idle(message: dict[str, Any], cell: str) -> bool:
    of_cell = message["parent_header"].get("msg_id") == cell
    return of_cell and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def said(message: dict[str, Any], kind: str, fields: dict[str, Any]) -> bool:
    if message["msg_type"] != "comm_msg" or message["content"]["data"].get("method") != "custom":
        return False
    content = message["content"]["data"]["content"]
    return content["kind"] == kind and all(content[name] == value for name, value in fields.items())


@pytest.fixture(params=["ipykernel", "ipykernel 6"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kernel]:
    python = environment("ipykernel6", IPYKERNEL_6) if request.param.endswith("6") else Path(sys.executable)
    manager = KernelManager()
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name=request.param)
    manager.cwd = str(tmp_path)
    manager.start_kernel(cwd=str(tmp_path), env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")})
    try:
        kernel = Kernel(manager)
        kernel.make()
        yield kernel
        kernel.client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)


def test_a_page_labels(kernel):
    shell = kernel.subshell()
    snapshot = kernel.hello(shell)
    assert [item["text"] for item in snapshot["queue"][:2]] == ["text 0", "text 1"]
    kernel.decide("d3", shell)
    ack, _ = kernel.answer("ack", client="c-d3")
    assert (ack["view"], ack["seq"], ack["counts"]["labelled"]) == ("v", 1, 1)
    kernel.decide("d3", shell)
    assert kernel.answer("ack", client="c-d3")[0]["repeated"] is True
    assert kernel.value("[(d.item, d.value) for d in host.decisions]") == [["d3", "pos"]]


def test_junk_neither_stops_the_kernel_nor_goes_unanswered(kernel):
    kernel.hello()
    kernel.say(kind="explode", view="v", seq=5)
    assert "cannot read" in kernel.answer("reject", seq=5)[0]["reason"]
    kernel.say(nonsense=True)
    assert kernel.answer("notice")[0]["level"] == "warning"
    assert kernel.value("1 + 1") == 2


def test_no_trait_travels_because_of_a_decision(kernel):
    kernel.hello()
    kernel.decide("d0")
    _, before = kernel.answer("ack", client="c-d0")
    after = kernel.run("assert w._outbox.flush(60); assert w.progress['labelled'] == 1")
    updates = [m for m in before + after if m["msg_type"] == "comm_msg" and m["content"]["data"]["method"] == "update"]
    assert updates == []


def test_a_click_during_a_busy_cell(kernel):
    """With subshells it is on disk before the cell ends; without, it arrives afterwards, once."""
    shell = kernel.subshell()
    kernel.hello(shell)
    cell, gate = kernel.busy()
    kernel.decide("d0", shell)
    if kernel.has_subshells:
        _, before = kernel.answer("ack", client="c-d0")
        gate.touch()
        assert not any(idle(message, cell) for message in before)
        kernel.finish(cell)
        assert kernel.value("list(host.threads)") == [f"subshell-{shell}"]
    else:
        gate.touch()
        _, before = kernel.answer("ack", client="c-d0")
        assert any(idle(message, cell) for message in before)
    assert kernel.value("[d.item for d in host.decisions]") == ["d0"]


def test_what_cells_and_threads_push_does_not_make_the_next_click_wait(kernel):
    """A message sent by a cell would pin the page's next one to the shell that the cell occupies."""
    if not kernel.has_subshells:
        pytest.skip("this kernel handles every click after the cell")
    shell = kernel.subshell()
    kernel.hello(shell)
    kernel.run("host.push(host.ack())")
    kernel.run("threading.Thread(target=lambda: host.push(host.working('in a thread'))).start()")
    for number, meanwhile in enumerate(("pass", "host.push(host.working('in the cell'))")):
        kernel.run("host.push(host.ack()); assert w._outbox.flush(60); display(w)")
        cell, gate = kernel.busy(meanwhile)
        kernel.decide(f"d{number}", shell)
        _, before = kernel.answer("ack", client=f"c-d{number}")
        gate.touch()
        assert not any(idle(message, cell) for message in before)
        kernel.finish(cell)


def test_after_a_reload_the_way_leads_to_the_new_page(kernel):
    if not kernel.has_subshells:
        pytest.skip("this kernel has one shell for all pages")
    first = kernel.subshell()
    kernel.hello(first)
    second = kernel.subshell()
    kernel.hello(second, view="reloaded")
    kernel.control("delete_subshell_request", subshell_id=first)
    cell, gate = kernel.busy(meanwhile="host.push(host.ack())")
    kernel.decide("d0", second, view="reloaded")
    _, before = kernel.answer("ack", client="c-d0")
    gate.touch()
    assert not any(idle(message, cell) for message in before)
    kernel.finish(cell)
    assert kernel.value("list(host.threads)") == [f"subshell-{second}"]


def test_what_threads_say_arrives_while_a_cell_runs(kernel):
    kernel.hello(kernel.subshell())
    kernel.run(
        """
        wait = threading.Event()
        def work():
            wait.wait()
            host.push(host.working("training on 3 labels"))
        threading.Thread(target=work, daemon=True).start()
        """
    )
    cell, gate = kernel.busy(meanwhile="wait.set()")
    message, before = kernel.answer("status")
    gate.touch()
    assert message["status"]["message"] == "training on 3 labels"
    assert not any(idle(other, cell) for other in before)
    kernel.finish(cell)


def test_clicks_and_cells_at_once(kernel):
    """Decisions, a thread that reports, and cells that label by code, all interleaved: each counts once."""
    shell = kernel.subshell()
    kernel.hello(shell)
    kernel.run(
        """
        stop = threading.Event()
        def report():
            while not stop.is_set():
                host.push(host.working("working"))
        threading.Thread(target=report, daemon=True).start()
        """
    )
    docs = [f"d{i}" for i in range(20)]
    cell = kernel.start("for i in range(200): host.push(host.ack())")
    for doc in docs:
        kernel.decide(doc, shell)
    waited_for = {f"c-{doc}" for doc in docs} | {cell}

    def complete(message: dict[str, Any]) -> bool:
        if idle(message, cell):
            waited_for.discard(cell)
        elif said(message, "ack", {"view": "v"}):
            waited_for.discard(message["content"]["data"]["content"]["client"])
        return not waited_for

    kernel.hear(complete)
    kernel.run("stop.set()")
    assert kernel.value("sorted(d.item for d in host.decisions)") == sorted(docs)


def test_shutting_down_does_not_hang(kernel):
    kernel.hello(kernel.subshell())
    kernel.decide("d0")
    kernel.answer("ack")
    kernel.client.shutdown()
    kernel.manager.provisioner.process.wait(WAIT)


@pytest.fixture
def executed(tmp_path: Path) -> nbformat.NotebookNode:
    """Return a notebook that was run without a page."""
    label = """
    from alwidget.widget import protocol as p
    common = dict(view="v", seq=1, action="annotate", value="pos")
    host.decide(p.Decide(client="a", item="d20", **common))
    """
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(code)) for code in (SETUP, label, "w")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=WAIT, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    return notebook


def test_a_saved_notebook_holds_a_picture_of_the_session(executed):
    (output,) = executed.cells[-1].outputs
    assert VIEW in output.data
    assert "1 of 21 labelled" in output.data["text/html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in output.data["text/html"]
    assert "alw.open('small.alw')" in output.data["text/plain"]


def test_exported_without_widget_state_it_shows_the_table(executed):
    nbconvert = pytest.importorskip("nbconvert")
    executed.metadata.pop("widgets", None)
    html, _ = nbconvert.HTMLExporter(template_name="basic").from_notebook_node(executed)
    assert "1 of 21 labelled" in html
    assert "<script>alert(1)" not in html
