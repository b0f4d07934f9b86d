"""What the widget knows of a session: this protocol and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from alwidget.widget.protocol import Ack, Decide, Item, Request, SetOption, Snapshot, ToPage

__all__ = ["Host"]


class Host(Protocol):
    """A session as the widget sees it.

    Every method may be called from any thread, several at once, and while a cell runs. What goes wrong on purpose is
    an `alwidget.errors.AlwidgetError`; the widget passes its sentence on to the page.
    """

    def snapshot(self, *, items: int = 20) -> Snapshot:
        """Return all that a fresh view needs, with the next `items` documents; must not wait for a model."""

    def decide(self, message: Decide) -> Ack:
        """Write a decision down and return once it is on disk.

        A message that comes again with the same `client` changes nothing and is acknowledged as repeated. The answer
        is sent to every view by the widget: it must not also go through `subscribe`.

        Raises
        ------
        alwidget.errors.StorageError
            It is not on disk yet; the page will send it again.
        """

    def request(self, message: Request) -> Any:
        """Return the data that a panel asked for, in the form that `Request` names.

        `Request.params` are checked and complete.
        """

    def set_option(self, message: SetOption) -> Ack:
        """Change something about how the session asks."""

    def items(self, limit: int, exclude: Sequence[str]) -> list[Item]:
        """Return the next documents to ask about, best first, without those that the page holds already."""

    def subscribe(self, callback: Callable[[ToPage], None]) -> Callable[[], None]:
        """Call `callback`, from any thread, with what every view should hear; return what ends that."""

    def fallback(self) -> Mapping[str, Any]:
        """Return what a page without a kernel shows.

        ``name`` and ``path`` of the session, its ``counts`` (`Counts`), the ``key`` of a record that holds the answer,
        and the newest ``records`` in the form of ``annotations.json``, newest first.
        """

    def touch(self) -> None:
        """Note that a view is there, so that whatever waited for one can begin."""
