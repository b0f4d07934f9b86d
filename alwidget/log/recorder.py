"""Saying something: checked, put in its place, written, and only then told to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from alwidget.errors import AlwidgetError, SessionClosedError, SessionError, StorageError
from alwidget.log import session_file
from alwidget.log.answers import Entry
from alwidget.log.drafts import Batch, new_client, stamp
from alwidget.log.events import DECISIONS, LABEL_KINDS, SCHEMA_VERSION, Said, StoredDocument, Why
from alwidget.log.view import RETRY_SECONDS, LogView

__all__ = ["Recorded", "Recorder"]


class Recorded(msgspec.Struct, frozen=True):
    """What became of something that was said.

    Attributes
    ----------
    entry
        The decision as the history shows it now; after an undo or redo the decision that it was about. None for a
        setting.
    repeated
        The same `client` had said it before: it is on disk, and nothing was written.
    id
        The document that it was about, if any.
    ids
        All documents of which something else may be said now.
    """

    entry: Entry | None
    repeated: bool = False
    id: str | None = None
    ids: tuple[str, ...] = ()


class Recorder(LogView):
    """The part of the log that says things."""

    def append(
        self,
        kind: str,
        *,
        id: str | None = None,
        value: Any = None,
        key: str | None = None,
        origin: str | None = None,
        seconds: float | None = None,
        client: str | None = None,
        group: str | None = None,
        target: str | None = None,
        note: str | None = None,
        seen: Any = None,
        why: Why | None = None,
        document: StoredDocument | None = None,
    ) -> Recorded:
        """Write down one thing that was said; returns once it is on disk.

        Parameters
        ----------
        kind
            ``annotate``, ``skip``, ``flag`` (``value=False`` takes the flag away), ``note``, ``clear``, ``undo``,
            ``redo``, ``label-add``, ``label-rename``, ``label-merge``, ``label-delete`` or ``setting``.
        id, key, document
            The document, its content hash in hex, and the document itself, which is written down once.
        value
            The answer; for labels see `alwidget.log.labelling.label_value`.
        client
            A name for this decision. When it was said before, nothing is written, and ``repeated`` is set.
        group
            What is said with the same group is undone as one.
        seen
            What the model suggested: ``{"value", "confidence"}``.

        Raises
        ------
        alwidget.errors.LabelError, alwidget.errors.ArgumentError
            The value does not fit the task, or another field cannot be used; nothing was written.
        alwidget.errors.StorageError
            It could not be written. It is part of `state` all the same, waits in memory, and is tried again.
        """
        if kind in {"undo", "redo"}:
            return self._turn(kind, target, client) or Recorded(None)
        fields = {
            "id": id,
            "value": value,
            "key": key,
            "origin": origin,
            "seconds": seconds,
            "client": client,
            "group": group,
            "note": note,
            "seen": seen,
            "why": why,
            "document": document,
        }
        return self._write([(kind, fields)], None)[0]

    def append_many(self, items: Iterable[Mapping[str, Any]], *, group: str | None = None) -> list[Recorded]:
        """Write down many things at once; returns once all of them are on disk.

        Parameters
        ----------
        items
            The arguments of `append`, ``kind`` among them. When one of them cannot be used, nothing is written.
        group
            With it, all of them are undone as one.

        Raises
        ------
        alwidget.errors.LabelError, alwidget.errors.ArgumentError, alwidget.errors.StorageError
            As `append`.
        """
        pairs = [(str(item.get("kind")), {k: v for k, v in item.items() if k != "kind"}) for item in items]
        return self._write(pairs, group) if pairs else []

    def undo(self, target: str | None = None, client: str | None = None) -> Recorded | None:
        """Take back this writer's newest decision, or the one that `target` names, with all of its bulk action.

        Parameters
        ----------
        target
            The `client` of a decision, or ``writer:seq``.
        client
            A name for this undo; see `append`.

        Returns
        -------
        Recorded or None
            None when there is nothing to take back.

        Raises
        ------
        alwidget.errors.SessionError
            No decision is called `target`.
        alwidget.errors.StorageError
            As `append`.
        """
        return self._turn("undo", target, client)

    def redo(self, target: str | None = None, client: str | None = None) -> Recorded | None:
        """Bring back what this writer undid last, or the decision that `target` names; see `undo`."""
        return self._turn("redo", target, client)

    def update_settings(self, **changes: Any) -> None:
        """Set some of `settings`; what is set to what it is already is not written."""
        changed = {name: value for name, value in changes.items() if self.settings.get(name, self) != value}
        if not changed:
            return
        self._write([("setting", {"value": changed})], None)
        self._info = self._store.info = msgspec.structs.replace(self._info, settings=self.settings)
        # for people to read; what counts is in the log
        with suppress(OSError):
            session_file.save(self.path, self._info, self.writer)

    # Inside ----------------------------------------------------------------------------------------------------------

    def _write(self, items: Sequence[tuple[str, Mapping[str, Any]]], group: str | None) -> list[Recorded]:
        with self._entered():
            self._check_writable()
            batch = Batch(self.state, self._task, self.annotator)
            for number, (kind, fields) in enumerate(items, 1):
                try:
                    batch.add(kind, fields, group)
                except AlwidgetError as error:
                    if len(items) == 1:
                        raise
                    message = f"Decision {number} of {len(items)}: {error} Nothing was written."
                    raise type(error)(message) from error
            said, ids = self._say(batch.events)
            # the file may have been left for another one meanwhile, so look them up
            new = [self.state.find(one.name) or one for one in said]
            heard = [self.state.find(slot.client) or new[0] for slot in batch.slots]
            alone = tuple(ids) if len(items) == 1 else None
            recorded = [
                self._recorded(one, repeated=slot.repeated, ids=alone)
                for one, slot in zip(heard, batch.slots, strict=True)
            ]
            failed = any(self._store.is_pending(one) for one in heard)
        self._after(ids, new)
        if failed:
            raise self._not_saved()
        return recorded

    def _say(self, events: Sequence[dict[str, Any]]) -> tuple[list[Said], list[str]]:
        """Put events on disk, or else in line for it, and into the state; the lock is held."""
        time, seq = self._clock.tick() if events else "", self._store.next_seq
        lines = [stamp(fields, self.writer, seq + i, time) for i, fields in enumerate(events)]
        said = [line.said for line in lines]
        ids: dict[str, None] = {}
        self._half = "state"
        self._store.pending.extend(lines)
        for one in said:
            ids.update(dict.fromkeys(self.state.apply(one)))
        try:
            self._flush()
        finally:
            if self._store.pending:
                self._retry.ask(RETRY_SECONDS)
        return said, list(ids)

    def _turn(self, kind: str, target: str | None, client: str | None) -> Recorded | None:
        with self._entered():
            self._check_writable()
            ids: list[str] = []
            before = self.state.find(client) if client is not None else None
            if before is not None and before.name == client:
                self._flush()
                said = [before]
                meant = self.state.find(before.event.target or "") or before
            else:
                found = self._meant(kind, target)
                if found is None:
                    return None
                meant = found
                fields = {
                    "v": SCHEMA_VERSION,
                    "annotator": self.annotator,
                    "event": kind,
                    "id": meant.event.id,
                    "group": meant.event.group,
                    "target": meant.name,
                    "client": client or new_client(),
                }
                said, ids = self._say([fields])
            repeated = before is not None and before is said[0]
            recorded = self._recorded(meant, repeated=repeated, ids=tuple(ids))
            failed = self._store.is_pending(self.state.find(said[0].name) or said[0])
        self._after(ids, () if repeated else said)
        if failed:
            raise self._not_saved()
        return recorded

    def _meant(self, kind: str, target: str | None) -> Said | None:
        """Return what an undo or redo is about; None when there is nothing to do."""
        if target is None:
            return self.state.next_turn(self.writer, kind)
        said = self.state.find(target)
        if said is None or said.event.event not in DECISIONS | LABEL_KINDS:
            message = f'There is no decision "{target}" to {kind}; session.history() names them (client).'
            raise SessionError(message)
        return said if self.state.undone(said) == (kind == "redo") else None

    def _recorded(self, said: Said, *, repeated: bool, ids: tuple[str, ...] | None) -> Recorded:
        doc = said.event.id
        shown = self.state.entry(said) if said.event.event != "setting" else None
        return Recorded(shown, repeated, doc, ids if ids is not None else () if doc is None else (doc,))

    def _check_writable(self) -> None:
        if self._closed:
            message = f"The log of {self.path} is closed; open the session again."
            raise SessionClosedError(message)
        if self.read_only:
            message = f"{self.path} is open for reading only; nothing can be said. Open it with its data to go on."
            raise SessionError(message)

    def _not_saved(self) -> StorageError:
        n = self.unsaved
        what = "One decision is" if n == 1 else f"{n} decisions are"
        return StorageError(
            f"Not saved: {self.storage_error}. {what} kept in memory, in order, and written as soon as that works "
            "again; keep this process running until then."
        )
