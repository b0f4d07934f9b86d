"""What a session looks like from inside: what is easy and hard, what was chosen, how good it is, whether to go on.

Each function takes a session, read-only ones too, or arrays in its place, and returns a frozen object with the numbers
and a `plot()`. Where the model has to learn for it, that happens between the engine's rounds, never before an answer.
"""

from alwidget.diagnostics.maps import DocumentMap, Outliers, datamap, difficulty

__all__ = ["DocumentMap", "Outliers", "datamap", "difficulty"]
