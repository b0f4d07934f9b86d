"""Finding strategies by name, class, instance, entry point and file; and keeping them in settings."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import textwrap
from typing import ClassVar

import numpy as np
import pytest

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView, Ranked, Schedule, Strategy

MINE = """
    from __future__ import annotations
    from dataclasses import dataclass
    import numpy as np
    from alwidget.strategies import Ranked, Strategy

    @dataclass
    class Setting:
        column: int = 0

    class Mine(Strategy):
        "Asks what looks least like the first class."
        name = "{name}"
        needs = frozenset({{"probs"}})

        def __init__(self, column=0):
            self.column = Setting(column).column

        def select(self, view, size, rng):
            scores = 1 - view.probs[:, self.column]
            order = np.argsort(-scores, kind="stable")[:size]
            return Ranked(order, scores[order])

        def options(self):
            return {{"column": self.column}}
"""


class Mine(Strategy):
    """Asks in the order of the pool."""

    name = "mine"

    def __init__(self, step=1, *, start=0):
        self.step, self.start = step, start

    def select(self, view, size, rng):
        del rng
        order = np.arange(self.start, view.size, self.step)[:size]
        return Ranked(order, np.full(len(order), np.nan))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my strategies.py"
    path.write_text(textwrap.dedent(MINE.format(name="from-a-file")), encoding="utf-8")
    return path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that installs a package with entry points, as pip would."""

    def install(points, module="alw_third_party", name="alw-third-party", source=None):
        site = tmp_path / name
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        lines = "\n".join(f"{point} = {target}" for point, target in points.items())
        (info / "entry_points.txt").write_text(f"[alwidget.strategies]\n{lines}\n", encoding="utf-8")
        text = textwrap.dedent(MINE.format(name="third")) if source is None else source
        (site / f"{module}.py").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, module, raising=False)

    yield install
    for module in [m for m in sys.modules if m.startswith("alw_third_party")]:
        del sys.modules[module]


def test_by_name():
    assert strategies.get("breaking-ties").name == "breaking-ties"
    assert strategies.get("tyrogue", r=1).r == 1


def test_by_class_and_by_instance():
    made = strategies.get(Mine, step=2)
    assert (made.step, made.start) == (2, 0)
    assert strategies.get(made) is made
    with pytest.raises(StrategyError, match=r"has its options already; .* set step"):
        strategies.get(made, step=3)


def test_an_option_may_be_called_strategy_or_name():
    class Odd(Mine):
        name = "odd"

        def __init__(self, strategy=1, name_of=2):
            self.given = (strategy, name_of)

    assert strategies.get(Odd, strategy=5, name_of=6).given == (5, 6)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("entorpy", 'There is no strategy "entorpy". Did you mean "entropy"[?] There are: "random", '),
        ("Entropy", 'Did you mean "entropy"'),
        ("least_confidence", 'Did you mean "least-confidence"'),
        ("nothing like it", 'There is no strategy "nothing like it". There are: '),
        ("", "There is no strategy"),
        ("auto", 'for classification "tyrogue", .*, for tagging "mnlp", for generation "idds"'),
        ("mnpl", 'Did you mean "mnlp"'),
        ("token_entropy", 'Did you mean "token-entropy"'),
        ("bleu-var", 'Did you mean "bleuvar"'),
        ("schedule", r"Write alwidget.Schedule\("),
    ],
)
def test_names_that_there_are_not(name, said):
    with pytest.raises(StrategyError, match=said) as caught:
        strategies.get(name)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("what", [None, 3, {"strategy": "entropy"}, [("bert-km", 2), ("entropy", None)]])
def test_what_is_no_strategy(what):
    with pytest.raises(StrategyError, match="A strategy is a name, a class, an instance"):
        strategies.get(what)


def test_a_list_is_pointed_to_schedule():
    with pytest.raises(StrategyError, match=r"Wrap a list in alwidget.Schedule"):
        strategies.get([("bert-km", 2), ("entropy", None)])


def test_options_that_there_are_not():
    with pytest.raises(StrategyError) as caught:
        strategies.get("tyrogue", rr=3, cold_start=True)
    said = str(caught.value)
    assert '"tyrogue" has no option "rr". Did you mean "r"?' in said
    assert 'has no option "cold_start". Did you mean "cold_start_entropy"?' in said
    assert "Its options: r=3, cold_start_entropy=False." in said
    with pytest.raises(StrategyError, match=r'"breaking-ties" has no option "r". It has no options.'):
        strategies.get("breaking-ties", r=3)


def test_options_that_are_due():
    class Needy(Mine):
        name = "needy"

        def __init__(self, first, second=2):
            self.given = (first, second)

    with pytest.raises(StrategyError, match=r'needs the option "first". Its options: first, second=2.'):
        strategies.get(Needy)
    assert strategies.get(Needy, first=1).given == (1, 2)


def test_a_strategy_may_take_any_option():
    class Open(Mine):
        name = "open"

        def __init__(self, **options):
            self.given = options

    assert strategies.get(Open, anything=1).given == {"anything": 1}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: type("NoName", (Mine,), {"name": ""}), "has no name"),
        (lambda: type("Abstract", (Strategy,), {"name": "abstract"}), "lacks select"),
        (lambda: int, "must be a subclass of alwidget.Strategy"),
    ],
)
def test_classes_that_are_no_strategies(made, said):
    with pytest.raises(StrategyError, match=said):
        strategies.get(made())


def test_a_class_that_forgot_its_name():
    class Nameless(Strategy):
        def select(self, view, size, rng):
            raise NotImplementedError

    with pytest.raises(StrategyError, match="has no name"):
        strategies.get(Nameless)


def test_what_is_available():
    found = strategies.available(task="classification")
    assert list(found)[:4] == ["random", "least-confidence", "breaking-ties", "entropy"]
    assert found["entropy"] == "Documents whose predicted classes have the largest entropy."
    assert set(strategies.available("tagging")) <= set(strategies.available(None))
    for task in strategies.registry.TASKS:
        assert next(iter(strategies.available(task))) == "random"
        assert {"bert-km", "idds"} <= set(strategies.available(task))
    assert {"mnlp", "token-entropy", "bald", "badge", "alps", "tyrogue"} <= set(strategies.available("tagging"))
    assert {"nsp", "ensp", "bleuvar"} <= set(strategies.available("generation"))
    assert "label-cardinality" in strategies.available("multilabel")
    assert "mnlp" not in strategies.available("multilabel")
    assert "entropy" not in strategies.available("generation")
    with pytest.raises(StrategyError, match='Did you mean "classification"'):
        strategies.available("clasification")


def test_the_default():
    named = {task: strategies.default(task) for task in strategies.registry.TASKS}
    assert named == {
        "classification": "tyrogue",
        "multilabel": "tyrogue",
        "tagging": "mnlp",
        "generation": "idds",
    }
    assert strategies.get("mnlp").subsample == "random:10000"
    with pytest.raises(StrategyError, match=r'no task "taging"; choose from .* Did you mean "tagging"'):
        strategies.default("taging")


def test_a_class_of_your_own_that_does_not_say_its_tasks_works_in_all():
    view = ArrayView(probs=[[0.5, 0.2]], multilabel=True)
    assert strategies.get(Mine).select(view, 1, None).indices.tolist() == [0]
    strategies.check_task(Mine(), "tagging")
    with pytest.raises(StrategyError, match='"mnlp" is for tagging, not for generation'):
        strategies.check_task(strategies.get("mnlp"), "generation")


def test_an_installed_package_offers_strategies(package):
    package({"third": "alw_third_party:Mine"})
    assert strategies.available()["third"] == "Asks what looks least like the first class."
    ranked = strategies.get("third", column=1).select(ArrayView(probs=[[0.1, 0.9], [0.8, 0.2]]), 1, None)
    assert ranked.indices.tolist() == [1]
    assert Schedule([("third", 1), ("entropy", None)]).parts[0][0].name == "third"
    with pytest.raises(StrategyError, match='Did you mean "third"'):
        strategies.get("thirt")


def test_nothing_is_imported_before_it_is_asked_for(package):
    package({"third": "alw_third_party:Mine"})
    strategies.get("entropy")
    with pytest.raises(StrategyError):
        strategies.get("no such")
    assert "alw_third_party" not in sys.modules


def test_a_package_that_cannot_be_imported_is_left_out_and_said(package, caplog):
    package({"broken": "alw_third_party:Mine"}, source="raise RuntimeError('half installed')")
    with caplog.at_level(logging.WARNING, logger="alwidget.strategies"):
        assert "broken" not in strategies.available()
    assert "half installed" in caplog.text
    assert "alw-third-party" in caplog.text
    with pytest.raises(StrategyError, match=r"alw-third-party .*cannot be imported: RuntimeError: half installed"):
        strategies.get("broken")


def test_a_package_whose_strategy_has_another_name_is_refused(package):
    package({"other": "alw_third_party:Mine"})
    with pytest.raises(StrategyError, match=r'"other" of alw-third-party .* calls itself "third"'):
        strategies.get("other")


def test_a_package_that_offers_something_else_is_refused(package):
    package({"third": "alw_third_party:np"})
    with pytest.raises(StrategyError, match="must be a subclass"):
        strategies.get("third")


def test_a_package_does_not_replace_what_is_there(package, caplog):
    package({"entropy": "alw_third_party:Mine"})
    assert type(strategies.get("entropy")).__module__ == "alwidget.strategies.uncertainty"
    with caplog.at_level(logging.WARNING, logger="alwidget.strategies"):
        assert strategies.available()["entropy"].startswith("Documents whose")
    assert "is ignored" in caplog.text


def test_two_packages_with_the_same_name_are_told_apart(package):
    package({"third": "alw_third_party:Mine"})
    package({"third": "alw_third_party_two:Mine"}, module="alw_third_party_two", name="alw-two")
    with pytest.raises(StrategyError, match=r'Two packages offer a strategy "third": .*Pass the class'):
        strategies.get("third")


def test_by_file(file, monkeypatch):
    strategy = strategies.get(f"{file}:Mine", column=1)
    assert (strategy.name, strategy.column) == ("from-a-file", 1)
    monkeypatch.chdir(file.parent)
    assert strategies.get("my strategies.py:Mine").column == 0
    monkeypatch.setenv("HOME", str(file.parent))
    assert strategies.get("~/my strategies.py:Mine").column == 0


def test_an_edited_file_is_read_again(file):
    assert strategies.get(f"{file}:Mine").name == "from-a-file"
    file.write_text(file.read_text(encoding="utf-8").replace("from-a-file", "edited"), encoding="utf-8")
    assert strategies.get(f"{file}:Mine").name == "edited"


def test_files_that_cannot_be_used(file, tmp_path):
    with pytest.raises(StrategyError, match=r"There is no file .*absent.py"):
        strategies.get("absent.py:Mine")
    with pytest.raises(StrategyError, match=r'has no class Min. Did you mean "Mine"[?] It defines Setting, Mine.'):
        strategies.get(f"{file}:Min")
    with pytest.raises(StrategyError, match="Say which class"):
        strategies.get(str(file))
    with pytest.raises(StrategyError, match="must be a subclass"):
        strategies.get(f"{file}:Setting")
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_this_name\n", encoding="utf-8")
    with pytest.raises(StrategyError, match=r"broken.py cannot be run: ModuleNotFoundError"):
        strategies.get(f"{broken}:Mine")
    broken.write_text("def (:\n", encoding="utf-8")
    with pytest.raises(StrategyError, match="cannot be run: SyntaxError"):
        strategies.get(f"{broken}:Mine")
    assert not [m for m, v in sys.modules.items() if getattr(v, "__file__", None) == str(broken)]


@pytest.mark.parametrize("inside", ["", "cache", "models/round-0001"])
def test_code_in_a_session_directory_is_never_run(tmp_path, inside):
    session = tmp_path / "news.alw"
    (session / "log").mkdir(parents=True)
    (session / "session.json").write_text("{}", encoding="utf-8")
    place = session / inside
    place.mkdir(parents=True, exist_ok=True)
    code = "import pathlib; pathlib.Path(__file__).with_name('ran').touch()\n"
    (place / "evil.py").write_text(code, encoding="utf-8")
    link = tmp_path / "link.py"
    link.symlink_to(place / "evil.py")
    for path in (place / "evil.py", link):
        with pytest.raises(StrategyError, match="lies in the session"):
            strategies.get(f"{path}:Mine")
    assert not (place / "ran").exists()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "strategy",
    [
        strategies.get("entropy"),
        strategies.get("tyrogue", r=None, cold_start_entropy=True),
        Schedule([("bert-km", 2), (strategies.get("tyrogue", r=1), {"labels": 9}), ("breaking-ties", None)]),
        Schedule([(Schedule([("random", 1), ("bert-km", None)]), 2), ("entropy", None)]),
    ],
    ids=str,
)
def test_settings_make_the_same_strategy(strategy):
    kept = json.loads(json.dumps(strategies.to_settings(strategy), allow_nan=False))
    assert repr(strategies.from_settings(kept)) == repr(strategy)


def test_a_bare_name_is_a_setting():
    assert strategies.from_settings("entropy").name == "entropy"


def test_what_cannot_be_found_again_is_not_kept(file):
    for strategy in (strategies.get(Mine), strategies.get(f"{file}:Mine")):
        with pytest.raises(StrategyError, match="not found by its name; pass it again"):
            strategies.to_settings(strategy)
    with pytest.raises(StrategyError, match="a function cannot be kept"):
        strategies.to_settings(Schedule([("random", bool), ("entropy", None)]))

    class Posing(Mine):
        name = "entropy"

    with pytest.raises(StrategyError, match="not found by its name"):
        strategies.to_settings(Posing())


def test_settings_never_run_a_file(file):
    marked = file.read_text(encoding="utf-8") + "\nimport pathlib; pathlib.Path(__file__).with_name('ran').touch()\n"
    file.write_text(marked, encoding="utf-8")
    name = f"{file}:Mine"
    for kept in (name, {"strategy": name}, {"schedule": [[{"strategy": name}, 2], ["entropy", None]]}):
        with pytest.raises(StrategyError, match=r"a file of code. Pass it yourself"):
            strategies.from_settings(kept)
    assert not file.with_name("ran").exists()


@pytest.mark.parametrize(
    "kept",
    [None, 3, [], {}, {"schedule": 3}, {"schedule": [3]}, {"strategy": 3}, {"strategy": "entropy", "options": 3}],
)
def test_settings_that_make_no_sense(kept):
    with pytest.raises(StrategyError, match="These settings are no strategy"):
        strategies.from_settings(kept)


def test_the_room_is_light_to_enter():
    heavy: ClassVar = ["scipy", "sklearn", "torch", "pandas", "pyarrow", "alwidget.learners", "alwidget.pool"]
    look = f"import sys, alwidget.strategies as s; s.available(None); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
