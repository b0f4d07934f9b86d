"""The package's front door: light to import, every public name there, near misses named."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import alwidget as alw

HEAVY = ["datasets", "matplotlib", "pandas", "scipy", "sklearn", "torch", "transformers"]
LOOK = f"import json, sys, alwidget; print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"


def test_the_import_brings_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_every_public_name_is_there():
    for name in dir(alw):
        assert getattr(alw, name) is not None
    assert set(alw.__all__) <= set(dir(alw))


def test_a_wrong_name_is_an_attribute_error_that_names_the_nearest():
    with pytest.raises(AttributeError, match='Did you mean "annotate"'):
        _ = alw.anotate
    assert not hasattr(alw, "nothing_like_it")
