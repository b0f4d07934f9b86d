"""The wheel: it has the front end in it, installs without extras, and the package in it works on its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUNDLE = {"alwidget/widget/static/widget.js", "alwidget/widget/static/widget.css"}
# Nothing here may come from the checkout, so this runs in an empty folder, without extras, Node or JupyterLab.
USE = """
import sys
import alwidget as alw

heavy = {"torch", "transformers", "datasets", "pandas", "sklearn"} & set(sys.modules)
assert not heavy, f"import alwidget brought {heavy}"
assert sys.prefix in alw.__file__, alw.__file__

session = alw.annotate(["good", "bad", "fair", "poor"], labels=["up", "down"], path="x.alw", model="tf-idf")
import ipywidgets
assert isinstance(session.widget, ipywidgets.DOMWidget), session.widget
assert len(session.widget._esm) > 10_000 and session.widget._css, "the widget has no front end"
(item,) = session.next(1)
session.record(item.id, "up")
session.close()
assert len(alw.load_annotations("x.alw")) == 1
print("works", alw.__version__)
"""


def run(command: list[str], cwd: Path, env: dict[str, str], **options: object) -> str:
    """Run a command and return what it printed; a failure shows all of it."""
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=600, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, user_environment: dict[str, str]) -> Path:
    """Build the wheel from this checkout, as ``pip install .`` does."""
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(out)], ROOT, user_environment)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_front_end_and_nothing_that_is_not_the_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert names >= BUNDLE
        for name in BUNDLE:
            assert archive.read(name) == (ROOT / name).read_bytes()
    assert names >= {"alwidget/py.typed", "alwidget/templates/01_quickstart.ipynb"}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"alwidget"}


@pytest.mark.slow
def test_installed_without_extras_it_imports_and_makes_a_widget(wheel, tmp_path, user_environment):
    run([sys.executable, "-m", "venv", str(tmp_path / "venv")], tmp_path, user_environment)
    python = str(tmp_path / "venv" / "bin" / "python")
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    run(
        [python, "-m", "pip", "install", "--quiet", "--no-compile", str(wheel), *constraints],
        tmp_path,
        user_environment,
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    without_node = user_environment | {"PATH": str(tmp_path / "venv" / "bin"), "XDG_CACHE_HOME": str(tmp_path)}
    without_node.pop("PYTHONPATH", None)
    assert "works" in run([python, "-c", USE], empty, without_node)
    shutil.rmtree(tmp_path / "venv")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a checkout that has no built front end."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "alwidget", checkout / "alwidget", ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copytree(ROOT / "notebooks", checkout / "notebooks")
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout / name)
    return checkout


def test_a_checkout_without_bundle_and_without_npm_says_what_to_install(bare, tmp_path, user_environment):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    no_npm = user_environment | {"PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=bare, env=no_npm, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode != 0
    assert "Install Node 20" in done.stdout + done.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_an_editable_install_needs_no_node(bare, tmp_path, user_environment):
    run([sys.executable, "-m", "venv", str(tmp_path / "venv")], tmp_path, user_environment)
    python = str(tmp_path / "venv" / "bin" / "python")
    no_npm = user_environment | {"PATH": str(tmp_path / "venv" / "bin")}
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", str(bare)], tmp_path, no_npm)
    assert run([python, "-c", "import alwidget; print(alwidget.__file__)"], tmp_path, no_npm).startswith(str(bare))
