"""One round of choosing what to ask, and the thread that repeats it."""

from alwidget.engine.batches import lazy_batch, words_at
from alwidget.engine.desk import Desk
from alwidget.engine.engine import Engine
from alwidget.engine.openset import OpenSet
from alwidget.engine.pace import Pace
from alwidget.engine.queue import Queue, Queued, Suggested
from alwidget.engine.round import Plan, RoundResult, run_round
from alwidget.engine.status import EngineStatus, State, Voice
from alwidget.engine.training import TrainingSet
from alwidget.engine.view import RoundView

__all__ = [
    "Desk",
    "Engine",
    "EngineStatus",
    "OpenSet",
    "Pace",
    "Plan",
    "Queue",
    "Queued",
    "RoundResult",
    "RoundView",
    "State",
    "Suggested",
    "TrainingSet",
    "Voice",
    "lazy_batch",
    "run_round",
    "words_at",
]
