"""What a person does to the labels of a session: adding, renaming, merging and deleting them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from alwidget.errors import ArgumentError, LabelError, SessionClosedError

if TYPE_CHECKING:
    from alwidget.log import Log

__all__ = ["Relabelling"]


class Relabelling:
    """The part of a session that changes its labels.

    Each change is one decision: on disk when the method returns, taken back by ``undo``, brought back by ``redo``. All
    answers, also those given before, are under the labels that there are now; what was trained on the old ones is
    trained anew.
    """

    log: Log
    _closed: str | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in key order."""
        return tuple(label.name for label in self.log.state.labels)

    def add_label(self, name: str, *, client: str | None = None) -> None:
        """Add a label; documents answered before keep their answers."""
        self._check_open()
        self.log.append("label-add", value=name, client=client)

    def rename_label(self, old: str, new: str, *, client: str | None = None) -> None:
        """Call a label something else, in all answers too; it keeps its place and its key.

        Raises
        ------
        alwidget.errors.LabelError
            There is no label `old`, or there is a label `new`; `merge_labels` makes two labels one.

        Examples
        --------
        >>> import alwidget as alw, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> session = alw.annotate(["good", "bad"], labels=["+", "-"], path=f"{folder}/s.alw", model="tf-idf")
        >>> annotation = session.record(session.next()[0].id, "+")
        >>> session.rename_label("+", "praise")
        >>> session.labels, session.annotations[0].value
        (('praise', '-'), 'praise')
        >>> session.close()
        """
        self._check_open()
        self.log.append("label-rename", value={"from": old, "to": new}, client=client)

    def merge_labels(self, names: Iterable[str], into: str, *, client: str | None = None) -> None:
        """Make some labels part of another one: what was answered with them is answered with `into`.

        A document that had several of them has `into` once; so have spans at one place.

        Raises
        ------
        alwidget.errors.LabelError
            A label is not there.
        alwidget.errors.ArgumentError
            There is nothing to merge.
        """
        self._check_open()
        merged = [name for name in ([names] if isinstance(names, str) else names) if name != into]
        if not merged:
            message = f'merge_labels got no label to make part of "{into}".'
            raise ArgumentError(message)
        self.log.append("label-merge", value={"from": merged, "to": into}, client=client)

    def delete_label(self, name: str, *, client: str | None = None) -> None:
        """Take away a label that no answer has.

        Raises
        ------
        alwidget.errors.LabelError
            There is no such label, or it has answers, which would go with it: merge it into another one.
        """
        self._check_open()
        self.log.refresh()
        answered = self.log.state.label_counts.get(name, 0)
        if answered:
            documents = "1 document has" if answered == 1 else f"{answered:,} documents have"
            message = (
                f'{documents} the label "{name}". Make it part of another one, '
                f'session.merge_labels(["{name}"], into=…), or change those answers first.'
            )
            raise LabelError(message)
        self.log.append("label-delete", value=name, client=client)

    def _check_open(self) -> None:
        if self._closed is not None:
            raise SessionClosedError(self._closed)
