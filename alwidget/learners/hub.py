"""Finding a model folder: on this machine first, on the hub only if it answers, and never for longer than said."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from alwidget.errors import ModelError
from alwidget.learners.base import Progress, Stop
from alwidget.learners.tokens import one_line

__all__ = ["cached_folder", "download", "is_model_folder", "offline_asked", "reachable"]

PROBE_SECONDS = 2.0
PROBE_LIMIT = 3.0
"""Seconds for the probe with its name lookup, which has no time-out of its own."""
ASK_SECONDS = 5.0
STALL_SECONDS = 30.0
"""A download that receives nothing for this long is given up."""
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")
UNWANTED = ("onnx/*", "openvino/*", "*/model*.safetensors", "coreml/*")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def is_model_folder(folder: Path) -> bool:
    """Return whether a folder holds a configuration and weights as safetensors."""
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHTS)


def cached_folder(name: str) -> Path | None:
    """Return the folder of a hub model in the local cache of the hub, or None; asks nobody and imports nothing.

    Of several revisions, ``main`` as it was last fetched.
    """
    home = _hub_cache() / ("models--" + name.replace("/", "--"))
    try:
        commit = (home / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    folder = home / "snapshots" / commit
    return folder if commit and is_model_folder(folder) else None


def offline_asked() -> bool:
    """Return whether the environment asks to leave the network alone."""
    return any(os.environ.get(name, "").lower() in {"1", "true", "yes", "on"} for name in _OFFLINE)


def reachable() -> bool:
    """Return whether the hub's host (or the proxy to it) takes a connection, within three seconds."""
    if offline_asked():
        return False
    found: list[bool] = []

    def probe() -> None:
        try:
            with socket.create_connection(_host(), timeout=PROBE_SECONDS):
                found.append(True)
        except (OSError, ValueError):
            found.append(False)

    thread = threading.Thread(target=probe, name="alwidget-probe", daemon=True)
    thread.start()
    thread.join(PROBE_LIMIT)
    return bool(found and found[0])


def download(name: str, *, stop: Stop | None = None, progress: Progress | None = None) -> Path:
    """Fetch a model from the hub into its usual cache and return the folder.

    Call `reachable` first. The download runs in a thread of its own, which is left behind when it stalls or when
    `stop` is set: what has arrived is kept and taken up the next time.

    Raises
    ------
    alwidget.errors.ModelError
        There is no such model, it has no safetensors, or nothing arrived for half a minute.
    """
    size = _look(name)
    done = threading.Event()
    outcome: list[str | Exception] = []

    def fetch() -> None:
        from huggingface_hub import snapshot_download

        try:
            outcome.append(
                snapshot_download(
                    name,
                    allow_patterns=list(WANTED),
                    ignore_patterns=list(UNWANTED),
                    etag_timeout=ASK_SECONDS,
                    endpoint=_endpoint(),
                    cache_dir=_hub_cache(),
                    tqdm_class=_silent_bar(),
                )
            )
        except Exception as error:  # noqa: BLE001  it is said in the thread that waits
            outcome.append(error)
        finally:
            done.set()

    threading.Thread(target=fetch, name="alwidget-download", daemon=True).start()
    _wait(name, done, size, stop, progress)
    if isinstance(outcome[0], Exception):
        message = f'"{name}" could not be fetched: {one_line(outcome[0])}'
        raise ModelError(message) from outcome[0]
    folder = Path(outcome[0])
    if not is_model_folder(folder):
        message = f'"{name}" has no weights as safetensors; weights in other formats could run code and are not read.'
        raise ModelError(message)
    return folder


def _look(name: str) -> int:
    """Ask the hub about a model; return its size in bytes."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        info = HfApi(endpoint=_endpoint()).model_info(name, files_metadata=True, timeout=ASK_SECONDS)
    except HFValidationError as error:
        message = f'"{name}" is not the name of a hub model, which looks like "owner/name".'
        raise ModelError(message) from error
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in {401, 403, 404}:
            message = f'The hub has no model "{name}" that can be read without logging in.'
        else:
            message = f'The hub did not tell about "{name}": {one_line(error)}'
        raise ModelError(message) from error
    except Exception as error:
        message = f'The hub did not tell about "{name}": {one_line(error)}'
        raise ModelError(message) from error
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    if not any(name in files for name in WEIGHTS):
        message = f'"{name}" has no weights as safetensors; weights in other formats could run code and are not read.'
        raise ModelError(message)
    return sum(size for file, size in files.items() if "/" not in file and Path(file).match("*.safetensors"))


def _wait(name: str, done: threading.Event, size: int, stop: Stop | None, progress: Progress | None) -> None:
    folder = _hub_cache() / ("models--" + name.replace("/", "--"))
    received, since = -1, time.monotonic()
    while not done.wait(0.25):
        if stop is not None:
            stop.check()
        now = _size(folder)
        if now != received:
            received, since = now, time.monotonic()
        elif time.monotonic() - since > STALL_SECONDS:
            message = f'"{name}" could not be fetched: nothing arrived for {STALL_SECONDS:.0f} seconds.'
            raise ModelError(message)
        if progress is not None:
            progress(f"downloading {name} (MB)", min(received, size) // 10**6, size // 10**6)


def _size(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in (folder / "blobs").iterdir())
    except OSError:
        return 0


def _silent_bar() -> type[Any]:
    """Return a progress bar that shows nothing: the status line tells how far it is."""
    from tqdm import tqdm

    class Silent(tqdm):  # type: ignore[misc]  # tqdm ships no types
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})

    return Silent


def _hub_cache() -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "huggingface" / "hub"


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _host() -> tuple[str, int]:
    """Return whom to connect to: the hub, or the proxy that stands before it."""
    parts = urlsplit(_endpoint())
    proxy = getproxies().get(parts.scheme)
    if proxy and parts.hostname and not proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
