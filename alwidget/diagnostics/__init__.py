"""What a session looks like from inside: what is easy and hard, what was chosen, how good it is, whether to go on.

Each function takes a session, read-only ones too, or arrays in its place, and returns a frozen object with the numbers
and a `plot()`. Where the model has to learn for it, that happens between the engine's rounds, never before an answer.
"""

from alwidget.diagnostics.agreeing import Agreement, agreement
from alwidget.diagnostics.intervals import Estimate, wilson
from alwidget.diagnostics.issues import LabelIssues, label_issues
from alwidget.diagnostics.maps import DocumentMap, Outliers, datamap, difficulty
from alwidget.diagnostics.measuring import Quality, quality
from alwidget.diagnostics.profiles import Profile, divergence, profile
from alwidget.diagnostics.stopping import Advice, should_stop
from alwidget.diagnostics.strata import Sources, Strata, leave_one_source_out, stratified

__all__ = [
    "Advice",
    "Agreement",
    "DocumentMap",
    "Estimate",
    "LabelIssues",
    "Outliers",
    "Profile",
    "Quality",
    "Sources",
    "Strata",
    "agreement",
    "datamap",
    "difficulty",
    "divergence",
    "label_issues",
    "leave_one_source_out",
    "profile",
    "quality",
    "should_stop",
    "stratified",
    "wilson",
]
