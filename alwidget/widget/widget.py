"""The widget itself: an adapter between anywidget and the parts that do the work.

State has three homes. Traits hold what a fresh view needs before any message can arrive (`_snapshot`, `_theme`) and
what Python code may observe (`progress`); everything that happens travels as messages; what only the page needs stays
there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from alwidget.errors import AlwidgetError, MissingExtraError
from alwidget.widget import fallback, wire
from alwidget.widget.handler import Handler
from alwidget.widget.host import Host
from alwidget.widget.outbox import Outbox
from alwidget.widget.progress import Progress
from alwidget.widget.promptness import prompt
from alwidget.widget.protocol import Notice, Snapshot, ToPage

__all__ = ["AnnotationWidget"]

_log = logging.getLogger(__name__)

STATIC = Path(__file__).with_name("static")
_PATIENCE = 1.0
"""Seconds to wait for the sender where a cell or a closing session waits with it."""


class AnnotationWidget(anywidget.AnyWidget):
    """The annotation card in a notebook cell, for a session that is given as a `Host`.

    Made by ``session.widget``; it composes like every other widget.

    Parameters
    ----------
    host
        The session.
    theme
        ``"auto"`` follows the notebook; ``"light"`` and ``"dark"`` do not.

    Raises
    ------
    alwidget.errors.MissingExtraError
        The front end was not built.

    Examples
    --------
    >>> widget.observe(lambda change: print(change["new"]["labelled"]), names="progress")  # doctest: +SKIP
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    _snapshot = traitlets.Dict().tag(sync=True)
    """The session when the widget was last displayed, so that the first card needs no kernel."""
    _theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    progress = traitlets.Dict(read_only=True)
    """``labelled``, ``skipped``, ``remaining``, ``total``, ``round`` and ``state``; changes at most twice a second.

    Observers run on the sender's thread. It is not synced: pages get their counts by messages, and marimo would run
    every cell that shows the widget again on each change.
    """

    def __init__(self, host: Host, *, theme: str = "auto", **options: Any) -> None:
        snapshot = host.snapshot()
        super().__init__(
            _esm=_built("widget.js"), _css=_built("widget.css"), _snapshot=_trait(snapshot), _theme=theme, **options
        )
        self._host = host
        self._retired = self._stale = False
        self._closed: str | None = None
        self._facts: dict[str, Any] | None = None
        self._counted = Progress(snapshot)
        self._counting = threading.Lock()
        self.set_trait("progress", self._counted.value)
        self._outbox = Outbox(self.send, set_progress=self._set_progress, refresh=self._fresh)
        self._at_ease: Callable[[], None] | None = None
        self._handler = Handler(host, self._post, greeted=self._greeted, session=snapshot.session)
        self.on_msg(self._on_message)
        self._unsubscribe = host.subscribe(self._pushed)

    # Messages --------------------------------------------------------------------------------------------------------

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        """Hand on what a page said."""
        self._handler(content)

    def _greeted(self) -> None:
        """Begin to send, and to answer promptly: a page is there."""
        if self._at_ease is None and not self._retired:
            self._at_ease = prompt()
        self._outbox.hello()

    def _post(self, message: ToPage) -> None:
        """Send a message, and count."""
        self._stale = True
        self._outbox.post(message)
        with self._counting:  # else a thread held up in between would put an older value over a newer one
            if self._counted.update(message):
                self._outbox.progress(self._counted.value)

    def _pushed(self, message: ToPage) -> None:
        """Send what happened elsewhere; the host's threads are not to be troubled by what goes wrong."""
        try:
            self._post(wire.fit(message, wire.MESSAGE_BYTES) if isinstance(message, Snapshot) else message)
        except Exception:  # noqa: BLE001  a hint that cannot be sent is repaired by the next snapshot
            _log.warning("A %s for the page could not be made", type(message).__name__, exc_info=True)

    def _fresh(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot for the same hello as it is now."""
        return self._handler.snapshot(snapshot.view, snapshot.seq)

    def _set_progress(self, value: dict[str, Any]) -> None:
        self.set_trait("progress", value)

    # Display ---------------------------------------------------------------------------------------------------------

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the view with a static table beside it, for where no widget can run."""
        facts = self._known()
        static = {
            "text/plain": fallback.static_text(facts, closed=self._closed),
            "text/html": fallback.static_html(facts, closed=self._closed),
        }
        if self._retired:
            return static, {}
        self._renew()
        live = super()._repr_mimebundle_(**options)
        return (static, {}) if live is None else (live[0] | static, live[1])

    def _renew(self) -> None:
        """Bring the snapshot of the trait up to date for the view that is about to be made."""
        if not self._stale:
            return
        self._stale = False
        try:
            value = _trait(self._host.snapshot())
        except AlwidgetError:
            self._stale = True
            _log.warning("The widget is displayed with an old snapshot", exc_info=True)
            return
        self._outbox.call(lambda: self.set_trait("_snapshot", value), _PATIENCE)

    def _known(self) -> dict[str, Any]:
        """Return what the static table shows; the last that is known where the session cannot tell."""
        if not self._retired or self._facts is None:
            try:
                self._facts = dict(self._host.fallback())
            except (AlwidgetError, OSError):
                _log.warning("The session cannot tell what is labelled", exc_info=True)
        if self._facts is None:
            name = self._snapshot["name"]
            return {"name": name, "path": name, "counts": self._counted.counts, "key": "label", "records": []}
        return self._facts

    # The end ---------------------------------------------------------------------------------------------------------

    def retire(self, reason: str = "This session was closed.") -> None:
        """Tell every view that the session is closed, and keep a static table of it. Harmless when called twice."""
        if self._retired:
            return
        self._known()
        self._retired, self._closed = True, reason
        self._unsubscribe()
        self._outbox.post(Notice(level="warning", text=reason))
        self._outbox.flush(_PATIENCE)
        self._ease()

    def close(self) -> None:
        """Take the widget off every page and end its thread. The session goes on."""
        if "_outbox" not in self.__dict__:
            super().close()
            return
        if not self._retired:
            self._known()
            self._retired = True
            self._unsubscribe()
        self._outbox.stop(_PATIENCE)
        self._ease()
        super().close()
        # ipywidgets shadows the method with None; a closed widget still shows its table
        self.__dict__.pop("_repr_mimebundle_", None)

    def _ease(self) -> None:
        if self._at_ease is not None:
            self._at_ease()


def _trait(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot in the form and size of the trait."""
    return wire.to_page(wire.fit(snapshot, wire.TRAIT_BYTES))


def _built(name: str) -> str:
    """Return a file of the built front end."""
    file = STATIC / name
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        message = (
            f"The widget's front end was not built: there is no {file}. In a checkout run `make setup`, or `npm ci` "
            "and `npm run build` in js/ (Node 20 or newer); or install a wheel of alwidget, which has it."
        )
        raise MissingExtraError(message) from error
