"""What is labelled in a cell, in memory and on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alwidget.oracle import HeldOut

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Material", "from_table", "to_table"]


@dataclass(frozen=True, slots=True)
class Material:
    """Documents to choose from with their gold answers, and others to measure on.

    Attributes
    ----------
    rows
        The documents of the pool, as `alwidget.annotate` reads them.
    gold
        The answer to each, by id.
    digest
        32 hex digits of all of it: other documents, other answers or another split have another.
    notes
        What a reader of the results should know, such as documents that are in both parts.
    """

    name: str
    task: str
    labels: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    gold: dict[str, Any]
    test: HeldOut
    digest: str = ""
    notes: tuple[str, ...] = ()


def to_table(material: Material) -> pa.Table:
    """Return the material as an Arrow table, a row a document, answers as JSON."""
    import pyarrow as pa

    test = material.test
    pairs: Sequence[str | None] = test.pairs or [None] * len(test)
    rows = [{"part": "pool", **row, "answer": json.dumps(material.gold[row["id"]])} for row in material.rows]
    rows += [
        {"part": "test", "id": str(at), "text": text, "text_pair": pair, "answer": json.dumps(answer)}
        for at, (text, pair, answer) in enumerate(zip(test.texts, pairs, test.answers, strict=True))
    ]
    names = ("part", "id", "text", "text_pair", "source", "answer")
    columns: dict[str, Any] = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    columns["tokens"] = pa.array([row.get("tokens") for row in rows], pa.list_(pa.string()))
    about: dict[str, Any] = {
        "name": material.name,
        "task": material.task,
        "labels": material.labels,
        "digest": material.digest,
    }
    about |= {"notes": material.notes, "paired": test.pairs is not None}
    return pa.table(columns).replace_schema_metadata({b"alwidget": json.dumps(about).encode()})


def from_table(table: pa.Table) -> Material:
    """Return what `to_table` wrote."""
    about = json.loads(table.schema.metadata[b"alwidget"])
    gold, rows, test = dict[str, Any](), [], []
    for row in table.to_pylist():
        answer = json.loads(row["answer"])
        if row["part"] == "test":
            test.append((row["text"], answer, row["text_pair"] or ""))
            continue
        kept = {name: row[name] for name in ("id", "text", "text_pair", "source", "tokens") if row[name] is not None}
        rows.append(kept)
        gold[row["id"]] = answer
    texts, answers, pairs = ([each[i] for each in test] for i in range(3))
    held_out = HeldOut(texts, answers, pairs if about["paired"] else None)
    notes, labels = tuple(about["notes"]), tuple(about["labels"])
    return Material(about["name"], about["task"], labels, tuple(rows), gold, held_out, about["digest"], notes)
