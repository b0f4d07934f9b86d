"""The libraries that alwidget is compared with, in a folder of their own: neither the project nor its users need them.

``python -m benchmarks.peerenv`` installs what is missing and prints the folder; ``make peers`` runs the tests with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

# without what they need: that stands in the project's environment already, and nothing there may be replaced
PACKAGES = (
    "small-text==1.4.1",
    "scikit-activeml==1.0.1",
    "modAL-python==0.4.2.1",
    "dill==0.4.1",
    "makefun==1.16.0",
    "skorch==1.4.0",
)
COMPILED = "hnswlib==0.8.0"
"""What only small-text's SEALS needs, and a compiler for it; where there is none it is left out."""


def folder() -> Path:
    """Return where they are, whether or not they are there: ``$ALWIDGET_PEERS``, else in the user's cache."""
    told = os.environ.get("ALWIDGET_PEERS")
    if told:
        return Path(told)
    from platformdirs import user_cache_path

    what = hashlib.blake2b(" ".join((*PACKAGES, sys.version)).encode(), digest_size=4).hexdigest()
    return user_cache_path("alwidget") / f"peers-{what}"


def build() -> Path:
    """Install them where they are not yet, and return the folder."""
    there = folder()
    if (there / "ready").exists():
        return there
    part = there.with_name(there.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(part), *PACKAGES], check=True, stdout=sys.stderr)
    subprocess.run([*pip, "--target", str(part), COMPILED], check=False, stdout=sys.stderr)
    shutil.rmtree(part / "tests", ignore_errors=True)  # modAL leaves its tests under a name that everybody has
    (part / "ready").touch()
    shutil.rmtree(there, ignore_errors=True)
    part.rename(there)
    return there


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
