"""Fetching from the hub, against a small server that speaks its protocol, and against ones that do not."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Stop, auto, hub, make
from tiny_models import batch, make_tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Answers what the hub answers for one public model, from a folder."""

    folder = None
    slow = None
    asked: list[str] = []  # noqa: RUF012

    def do_HEAD(self):
        self._answer(head=True)

    def do_GET(self):
        self._answer(head=False)

    def _answer(self, *, head):
        path = self.path.partition("?")[0]
        self.asked.append(f"{self.command} {path}")
        files = {p.relative_to(self.folder).as_posix(): p for p in self.folder.rglob("*") if p.is_file()}
        if path.startswith("/api/models/org/tiny"):
            tree = [{"type": "file", "path": n, "size": p.stat().st_size, "oid": COMMIT} for n, p in files.items()]
            siblings = [{"rfilename": n, "size": p.stat().st_size} for n, p in files.items()]
            about = {"id": "org/tiny", "modelId": "org/tiny", "sha": COMMIT, "siblings": siblings, "private": False}
            return self._send(200, json.dumps(tree if "/tree/" in path else about).encode(), head=head)
        name = path.partition(f"/org/tiny/resolve/{COMMIT}/")[2] or path.partition("/org/tiny/resolve/main/")[2]
        if name not in files:
            return self._send(404, b"{}", head=head, extra={"X-Error-Code": "RepoNotFound"})
        if self.slow is not None and not head and name.endswith(".safetensors"):
            self.slow.wait(30)
        body = files[name].read_bytes()
        etag = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
        return self._send(200, body, head=head, extra=etag)

    def _send(self, status, body, *, head, extra=None):
        self.send_response(status)
        for key, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            **(extra or {}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A hub on this machine with one model, an empty cache, and no offline extra."""
    Hub.folder = make_tiny(tmp_path / "served", pooling="mean_tokens")
    Hub.slow, Hub.asked = None, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("ALWIDGET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(auto, "offline_path", lambda: None)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "ALWIDGET_MODEL"):
        monkeypatch.delenv(name, raising=False)
    yield server
    if Hub.slow is not None:
        Hub.slow.set()
    server.shutdown()
    server.server_close()


def test_a_model_is_fetched_once_and_then_found_in_the_cache(served):
    seen = []
    choice = make("encoder:org/tiny")
    choice.learner.prepare(progress=lambda *now: seen.append(now))
    assert choice.why == "org/tiny from the hub, frozen, with a linear head, as asked for"
    assert choice.warning is None
    assert choice.learner.embed(batch(["the match"])).shape == (1, 32)
    assert choice.learner.chosen.encoder.max_length == 32, "the pooling's files came along"
    assert seen[0][0] == "choosing a model"
    asked = len(Hub.asked)
    again = make("encoder:org/tiny")
    assert again.why == "org/tiny from the cache of the hub, frozen, with a linear head, as asked for"
    again.learner.prepare()
    assert len(Hub.asked) == asked


def test_a_model_that_is_not_on_the_hub_is_said_plainly(served):
    with pytest.raises(ModelError, match='no model "org/none"'):
        hub.download("org/none")
    choice = make("org/none")
    choice.learner.prepare()
    assert choice.learner.description == "TF-IDF + head"
    assert 'The hub has no model "org/none"' in choice.warning


def test_weights_that_would_be_unpickled_are_not_even_fetched(served):
    weights = Hub.folder / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(ModelError, match="no weights as safetensors"):
        hub.download("org/tiny")
    assert not any("resolve" in line for line in Hub.asked)


def test_a_download_that_stalls_is_given_up(served, monkeypatch):
    Hub.slow = threading.Event()
    monkeypatch.setattr(hub, "STALL_SECONDS", 1.0)
    with pytest.raises(ModelError, match="nothing arrived"):
        hub.download("org/tiny")


def test_a_download_is_left_behind_when_a_stop_is_set(served):
    Hub.slow = threading.Event()
    stop = Stop()
    with pytest.raises(Cancelled):
        hub.download("org/tiny", stop=stop, progress=lambda *_: stop.set())


def test_a_server_that_never_answers_is_no_hub(served, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(hub, "ASK_SECONDS", 0.5)
        assert hub.reachable()
        with pytest.raises(ModelError, match="did not tell"):
            hub.download("org/tiny")


def test_the_probe_respects_the_environment(served, monkeypatch):
    assert hub.reachable()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not hub.reachable()
    assert hub.offline_asked()
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert hub.reachable()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert not hub.reachable()
    monkeypatch.setenv("HF_ENDPOINT", "http://name.invalid")
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{served.server_port}")
    assert hub.reachable(), "the proxy answers"


def test_a_commit_that_points_nowhere_is_not_a_model(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert hub.cached_folder("org/tiny") is None
    (tmp_path / "models--org--tiny" / "refs").mkdir(parents=True)
    (tmp_path / "models--org--tiny" / "refs" / "main").write_text("gone")
    assert hub.cached_folder("org/tiny") is None
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert hub._hub_cache() == tmp_path / "home" / "hub"
