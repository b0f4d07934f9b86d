"""Messages to and from the plain JSON that travels, and how large a snapshot may be."""

from __future__ import annotations

from typing import Any

import msgspec

from alwidget.widget.protocol import FromPage, Snapshot, ToPage

__all__ = ["MESSAGE_BYTES", "TRAIT_BYTES", "fit", "from_page", "to_page"]

TRAIT_BYTES = 256_000
"""The most that the ``_snapshot`` trait may weigh: it travels at creation and is stored in saved notebooks."""
MESSAGE_BYTES = 2_000_000
"""The most that the answer to a `Hello` may weigh."""


def from_page(content: object) -> FromPage:
    """Return what a page sent as a message.

    Half characters, which browsers can send and files cannot hold, become U+FFFD.

    Raises
    ------
    msgspec.ValidationError
        It is no message of this protocol; the error says what was expected where.

    Examples
    --------
    >>> from_page({"kind": "hello", "view": "v", "seq": 1, "protocol": 1}).view
    'v'
    """
    try:
        msgspec.json.encode(content)
    except UnicodeEncodeError:
        content = _whole(content)
    except (TypeError, ValueError, RecursionError) as error:
        reason = f"Not JSON: {error}"
        raise msgspec.ValidationError(reason) from error
    message: FromPage = msgspec.convert(content, FromPage)
    return message


def to_page(message: ToPage) -> dict[str, Any]:
    """Return a message as plain JSON data: not-a-number becomes null, NumPy scalars become numbers.

    Raises
    ------
    TypeError
        It holds something that JSON cannot say.
    """
    try:
        encoded = msgspec.json.encode(message, enc_hook=_plain)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_whole(msgspec.to_builtins(message, enc_hook=_plain)))
    content: dict[str, Any] = msgspec.json.decode(encoded)
    return content


def fit(snapshot: Snapshot, limit: int) -> Snapshot:
    """Return `snapshot` with as many queued items as keep it under `limit` bytes, then as much history.

    The first item stays, however long its text is: a page without a card is of no use. The page asks for the others
    when it needs them.
    """
    bare = msgspec.structs.replace(snapshot, queue=[], history=[])
    room = limit - _size(bare) - sum(_size(entry) for entry in snapshot.history)
    history = snapshot.history
    while history and room < 0:
        room += _size(history[-1])
        history = history[:-1]
    kept = 0
    for item in snapshot.queue:
        room -= _size(item)
        if room < 0 and kept > 0:
            break
        kept += 1
    return msgspec.structs.replace(snapshot, queue=snapshot.queue[:kept], history=history)


def _size(value: object) -> int:
    """Return the bytes of a value on the wire, with its comma."""
    try:
        return len(msgspec.json.encode(value, enc_hook=_plain)) + 1
    except UnicodeEncodeError:
        return len(msgspec.json.encode(_whole(msgspec.to_builtins(value, enc_hook=_plain)))) + 1


def _plain(value: object) -> Any:
    """Return a NumPy scalar or array as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    message = f"A message cannot hold a {type(value).__name__}."
    raise TypeError(message)


def _whole(value: Any) -> Any:
    """Return JSON data with every lone surrogate replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(element) for element in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(element) for key, element in value.items()}
    return value
