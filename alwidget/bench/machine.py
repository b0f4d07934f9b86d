"""What a run was measured on: versions, processor, memory at its highest, and how many threads it had."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from alwidget._version import __version__

__all__ = ["Peak", "bounded", "machine", "versions"]

PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "torch", "transformers", "datasets")


def versions() -> dict[str, str]:
    """Return the versions of Python, alwidget and what it computes with."""
    found = {"python": platform.python_version(), "alwidget": __version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def machine() -> dict[str, Any]:
    """Return what the machine is; a GPU only if torch was imported already and sees one."""
    found: dict[str, Any] = {"platform": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}
    cuda = _cuda()
    if cuda is not None:
        found["gpu"] = cuda.get_device_name()
    return found


class Peak:
    """The memory of this process at its highest since it was made.

    Attributes
    ----------
    since
        ``"cell"``; or ``"process"`` where the system only knows the highest since the process began.
    """

    def __init__(self) -> None:
        self.since = "process"
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
            self.since = "cell"
        if (cuda := _cuda()) is not None:
            cuda.reset_peak_memory_stats()

    def bytes(self) -> int | None:
        """Return the highest resident size in bytes, or None where the system does not tell."""
        with suppress(OSError, ValueError):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        try:
            import resource
        except ImportError:  # pragma: no cover  Windows
            return None
        scale = 1 if sys.platform == "darwin" else 1024
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * scale

    def gpu_bytes(self) -> int | None:
        """Return the highest that torch had of the GPU, or None without one."""
        cuda = _cuda()
        return None if cuda is None else int(cuda.max_memory_allocated())


@contextmanager
def bounded(threads: int) -> Iterator[None]:
    """Compute with so many threads at most: the same number everywhere gives the same numbers everywhere."""
    from threadpoolctl import threadpool_limits

    from alwidget.learners.threads import bounded_threads

    with threadpool_limits(limits=threads), bounded_threads(threads):
        yield


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cuda() -> Any:
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None
