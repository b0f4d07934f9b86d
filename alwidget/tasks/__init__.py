"""What a label is: one class a task, with validation and the encoding to and from training form.

A task owns everything that depends on the kind of answer, so that the log, the engine and the widget need not know
it: which field of a record holds the answer, which values are valid, how they become a training target.
"""

from alwidget.tasks.base import Label, Task, read_labels
from alwidget.tasks.classification import Classification
from alwidget.tasks.generation import Generation
from alwidget.tasks.multilabel import MultiLabel
from alwidget.tasks.registry import get, names
from alwidget.tasks.tagging import Tagging

__all__ = [
    "Classification",
    "Generation",
    "Label",
    "MultiLabel",
    "Tagging",
    "Task",
    "get",
    "names",
    "read_labels",
]
