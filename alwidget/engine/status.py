"""What the engine says of itself, and who hears it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["EngineStatus", "State", "Voice"]

State = Literal["starting", "cold", "training", "scoring", "ready", "paused", "failed"]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What the engine does now, in words and numbers."""

    state: State
    round: int
    model: str
    strategy: str
    message: str
    ahead: int
    paused: bool
    batch_size: int
    error: str | None


class Voice:
    """The engine's state in words, and its listeners. Listeners are called without locks, from any thread."""

    def __init__(self) -> None:
        self.state: State = "starting"
        self.message = ""
        self.error: str | None = None
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called with ``"queue"``, ``"status"`` or ``"warning"``."""
        self._listeners.append(callback)

    def say(self, state: State, message: str) -> None:
        """Change the state and tell everybody."""
        self.state, self.message = state, message
        self.tell("status")

    def fail(self, error: Exception, message: str) -> None:
        """Tell everybody what went wrong, and what that means for the person."""
        self.error = f"{type(error).__name__}: {error}"
        self.say("failed", message)

    def phase(self, phase: str, labels: int) -> None:
        """Tell how far a round is that began with so many labels."""
        if phase == "training":
            self.say("training", f"training on {labels:,} labels")
        else:
            self.say("scoring", "choosing what to ask next")

    def reading(self, done: int, target: int, *, quietly: bool) -> None:
        """Tell how many documents are read; quietly once there is a model, since nobody waits for them then."""
        message = f"reading documents, {done:,} of {target:,}" if done < target else ""
        if quietly:
            self.message = message
        else:
            self.say("cold", message)

    def progress(self, what: str, done: int, total: int) -> None:
        """Change the message only; whoever asks next sees it."""
        self.message = f"{what}, {done:,} of {total:,}"

    def tell(self, what: str) -> None:
        """Call every listener; a listener's fault is not the engine's."""
        for listener in list(self._listeners):
            try:
                listener(what)
            except Exception:
                logger.warning("a listener of the engine failed", exc_info=True)
