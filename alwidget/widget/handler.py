"""What happens when a page says something: read it, ask the host, answer. No widget is needed for any of it.

Handlers may run on the main thread (ipykernel 6) or on a subshell's thread beside a running cell (ipykernel 7),
several at once. They hold no lock: the host is safe from any thread, and decisions are idempotent by their `client`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from alwidget.errors import AlwidgetError, Cancelled, LogError, SessionClosedError, StorageError
from alwidget.widget import wire
from alwidget.widget.host import Host
from alwidget.widget.protocol import (
    PROTOCOL_VERSION,
    Decide,
    Hello,
    HistoryParams,
    ItemParams,
    ItemsParams,
    Notice,
    Reject,
    Reply,
    Request,
    SetOption,
    Snapshot,
    ToPage,
)

__all__ = ["Handler"]

_log = logging.getLogger(__name__)

_PARAMS: dict[str, type[msgspec.Struct]] = {"history": HistoryParams, "item": ItemParams, "items": ItemsParams}
_NOT_ITS_FAULT = (StorageError, SessionClosedError, LogError, Cancelled)
"""Errors that the same decision may not meet again: once the disk is back, or the session is open again."""
_VIEWS_REMEMBERED = 1000
_SHOWN = 200

M = TypeVar("M", Hello, Decide, Request, SetOption)


class Handler:
    """Answers what pages say.

    Parameters
    ----------
    host
        The session.
    post
        Takes every answer, on the thread that the message came on. May raise `TypeError` for an answer that is not
        JSON; the page then gets a `Reject`.
    greeted
        Called first when a view says hello, on the thread that the message came on.
    session
        The session's id, for the log.

    Examples
    --------
    >>> said = []
    >>> Handler(host=None, post=said.append)({"kind": "nonsense", "view": "v", "seq": 1})
    >>> said[0].seq, said[0].retry
    (1, False)
    """

    def __init__(
        self,
        host: Host,
        post: Callable[[ToPage], None],
        *,
        greeted: Callable[[], None] | None = None,
        session: str = "",
    ) -> None:
        self._host, self._post, self._greeted = host, post, greeted
        self._session = session
        self._told: dict[str, None] = {}

    def __call__(self, content: object) -> None:
        """Handle one message; nothing is ever raised, since a page cannot catch it."""
        try:
            self._handle(content)
        except Exception:  # noqa: BLE001  the kernel's message loop must go on, whatever went wrong
            _log.exception("Session %s: a message from the page could not be handled", self._session)

    def snapshot(self, view: str | None, seq: int | None) -> Snapshot:
        """Return a snapshot that answers the hello number `seq` of `view`, or one for every view."""
        snapshot = wire.fit(self._host.snapshot(), wire.MESSAGE_BYTES)
        self._session = snapshot.session
        return msgspec.structs.replace(snapshot, view=view, seq=seq)

    # Reading ---------------------------------------------------------------------------------------------------------

    def _handle(self, content: object) -> None:
        """Read a message and have it answered, or say why it cannot be read."""
        raw: Mapping[str, Any] = content if isinstance(content, dict) else {}
        if raw.get("kind") == "anywidget-command":
            return
        if raw.get("kind") == "hello" and raw.get("protocol") != PROTOCOL_VERSION:
            self._mismatch(raw)
            return
        try:
            message = wire.from_page(content)
        except msgspec.ValidationError as error:
            self._unreadable(content, raw, error)
            return
        match message:
            case Hello():
                self._hello(message)
            case Decide():
                self._answer(message, self._decide)
            case Request():
                self._answer(message, self._request)
            case SetOption():
                self._answer(message, self._set_option)

    def _mismatch(self, raw: Mapping[str, Any]) -> None:
        """Tell a page that was built for another version; once a view, though it may ask again and again."""
        reason = (
            f"This page speaks version {_short(raw.get('protocol'))} of the widget's protocol, the kernel speaks "
            f"version {PROTOCOL_VERSION}. Run the cell again, so that the page gets the installed version."
        )
        view = str(raw.get("view"))
        if view not in self._told:
            if len(self._told) >= _VIEWS_REMEMBERED:
                self._told.clear()
            self._told[view] = None
            if self._greeted is not None:
                self._greeted()
            self._post(Notice(level="error", text=reason))
        self._reject(raw, reason)

    def _unreadable(self, content: object, raw: Mapping[str, Any], error: Exception) -> None:
        """Answer what is no message; where nobody waits for an answer, tell every view."""
        _log.warning("Session %s: the page sent what is no message (%s): %s", self._session, error, _short(content))
        reason = (
            f"The page sent something that the kernel cannot read ({error}). Reload the page; if it happens again, "
            "run the cell again."
        )
        if not self._reject(raw, reason):
            self._post(Notice(level="warning", text=reason))

    def _reject(self, raw: Mapping[str, Any], reason: str) -> bool:
        """Reject a raw message where it says who waits for an answer."""
        view, seq, client = raw.get("view"), raw.get("seq"), raw.get("client")
        if not isinstance(view, str) or not isinstance(seq, int):
            return False
        client = client if isinstance(client, str) else None
        self._post(Reject(view=view, seq=seq, reason=reason, retry=False, client=client))
        return True

    # Answering -------------------------------------------------------------------------------------------------------

    def _hello(self, message: Hello) -> None:
        """Give a view all that it needs, then let the host know that somebody is there."""
        if self._greeted is not None:
            self._greeted()
        self._answer(message, lambda hello: self.snapshot(hello.view, hello.seq))
        self._host.touch()

    def _decide(self, message: Decide) -> ToPage:
        ack = self._host.decide(message)
        return msgspec.structs.replace(ack, view=message.view, seq=message.seq, client=message.client)

    def _set_option(self, message: SetOption) -> ToPage:
        ack = self._host.set_option(message)
        return msgspec.structs.replace(ack, view=message.view, seq=message.seq)

    def _request(self, message: Request) -> ToPage:
        kind = _PARAMS.get(message.what)
        if kind is not None:
            known = msgspec.to_builtins(msgspec.convert(message.params, kind))
            message = msgspec.structs.replace(message, params=message.params | known)
        data = self._host.request(message)
        return Reply(view=message.view, seq=message.seq, what=message.what, data=data)

    def _answer(self, message: M, ask: Callable[[M], ToPage]) -> None:
        """Post what `ask` answers, or a `Reject` with the reason why there is no answer."""
        deciding = isinstance(message, Decide)
        try:
            self._post(ask(message))
        except msgspec.ValidationError as error:
            reason, retry = f"This was asked for in a way that the kernel cannot read: {error}.", False
        except AlwidgetError as error:
            reason, retry = str(error), deciding and isinstance(error, _NOT_ITS_FAULT)
        except Exception as error:  # noqa: BLE001  the page must hear of it; the log has the traceback
            _log.exception("Session %s: a %s could not be answered", self._session, type(message).__name__)
            kept = " The answer is kept in the page and will be sent again." if deciding else ""
            reason = (
                f"Something unexpected went wrong in the kernel ({type(error).__name__}: {_short(error)}).{kept} "
                f"The kernel's log has the details; the session is {self._session}."
            )
            retry = deciding
        else:
            return
        client: str | None = getattr(message, "client", None)
        self._post(Reject(view=message.view, seq=message.seq, reason=reason, retry=retry, client=client))


def _short(value: object) -> str:
    """Return a value in few characters, for a log or a sentence."""
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
