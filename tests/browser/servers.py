"""Notebook servers for the browser tests: JupyterLab, Notebook 7 and marimo, each shut off from the user's settings."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TOKEN = "browser-tests"
START_SECONDS = 120
# The front ends and kernels that do not fit beside the main environment; constraints.txt pins the rest.
MARIMO = ("marimo==0.25.2",)
IPYKERNEL_6 = ("ipykernel==6.31.0",)
KERNEL_6 = "ipykernel6"


@dataclass
class Server:
    """A running server: where it answers, its folder of notebooks, and its log."""

    url: str
    root: Path
    log: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the server, and with it its kernels."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(command: list[str], *, root: Path, log: Path, url: str, ready: str, env: dict[str, str]) -> Server:
    """Start `command` and return once `ready` answers; a server that dies first raises with the end of its log."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=root, env=env, stdout=out, stderr=subprocess.STDOUT)
    server = Server(url, root, log, process)
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(ready, timeout=5):
            return server
        if process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            message = f"{command[:3]} did not answer at {ready}:\n{log.read_text()[-3000:]}"
            raise RuntimeError(message)
        time.sleep(0.1)


def jupyter(application: str, root: Path, state: Path) -> Server:
    """Start ``jupyterlab`` or ``notebook`` on `root`, with every Jupyter folder under `state`."""
    settings = state / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(news))
    port = free_port()
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    env = os.environ | {name: str(state / folder) for name, folder in folders.items()}
    command = [
        sys.executable,
        "-m",
        application,
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--allow-root",
        "--expose-app-in-browser",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    url = f"http://127.0.0.1:{port}"
    return start(
        command, root=root, log=state / "server.log", url=url, ready=f"{url}/api/status?token={TOKEN}", env=env
    )


def marimo(notebook: Path, state: Path) -> Server:
    """Serve `notebook` as a marimo app, which runs it as soon as a page opens."""
    python = environment("marimo", MARIMO)
    port = free_port()
    options = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    return start(
        [str(python), "-m", "marimo", "run", str(notebook), *options],
        root=notebook.parent,
        log=state / "server.log",
        url=url,
        ready=f"{url}/health",
        env=os.environ | {"HOME": str(state), "XDG_CONFIG_HOME": str(state / "config")},
    )


def add_kernel_6(state: Path) -> None:
    """Offer a kernel with ``ipykernel<7``, which has no subshells, to the server that keeps its data in `state`."""
    python = environment("ipykernel6", IPYKERNEL_6)
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel 6)",
        "language": "python",
    }
    folder = state / "data" / "kernels" / KERNEL_6
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec))


def environment(name: str, requirements: tuple[str, ...]) -> Path:
    """Return the Python of ``.venv-NAME``: this environment, with `requirements` laid over it.

    It sees the packages of the environment that runs the tests, alwidget among them, so that only what differs is
    installed. Made once; made anew when the requirements change.
    """
    folder = REPOSITORY / f".venv-{name}"
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = "\n".join([sys.prefix, *requirements])
    with (REPOSITORY / f".venv-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.is_file() and stamp.read_text() == wanted):
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            below = sysconfig.get_path("purelib")
            own = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
            Path(own, "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
            subprocess.run(pip, check=True, timeout=START_SECONDS * 3)
            stamp.write_text(wanted)
    return python
