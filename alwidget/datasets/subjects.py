"""Which subject a documented object belongs to: the list of public places that the corpora are read from.

It is a list of what is allowed, not of what is forbidden: only the modules named here are imported, so nothing that
prints, warns, needs a display or opens a connection is ever touched. Where two libraries have a subpackage for the
same subject (``scipy.linalg`` and ``numpy.linalg``), both carry the same label, so that it is about the subject.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SUBJECTS", "Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A label of the classification corpus.

    Attributes
    ----------
    label
        The name of the subpackage.
    definition
        One line for the person who labels.
    places
        Where its docstrings are: ``"module"`` for everything the module makes public, ``"module:PATTERN"`` for the
        names that match, such as ``"pandas:DataFrame.to_*"``.
    """

    label: str
    definition: str
    places: tuple[str, ...]


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        "cluster",
        "Grouping points without labels: k-means, hierarchies, density.",
        ("scipy.cluster.hierarchy", "scipy.cluster.vq", "sklearn.cluster"),
    ),
    Subject(
        "decomposition",
        "Matrix factorisation and projection to fewer dimensions: PCA, NMF, ICA, dictionaries.",
        ("sklearn.decomposition", "sklearn.cross_decomposition"),
    ),
    Subject(
        "ensemble",
        "Many models joined into one: forests, boosting, bagging, voting, stacking.",
        ("sklearn.ensemble",),
    ),
    Subject(
        "interpolate",
        "Curves and surfaces through given points: splines, polynomials, grids.",
        ("scipy.interpolate",),
    ),
    Subject(
        "io",
        "Reading and writing files and other outside formats.",
        (
            "scipy.io",
            "scipy.io.arff",
            "scipy.io.wavfile",
            "pandas:read_*",
            "pandas:ExcelFile*",
            "pandas:ExcelWriter*",
            "pandas:HDFStore*",
            "pandas:DataFrame.to_*",
            "pandas:Series.to_*",
            "pandas.io.formats.style:Styler.to_*",
            "pandas.io.json",
            "pandas.io.stata:Stata*",
        ),
    ),
    Subject(
        "linalg",
        "Dense linear algebra: solving, decompositions, eigenvalues, special matrices.",
        ("scipy.linalg", "numpy.linalg"),
    ),
    Subject(
        "linear_model",
        "Regression and classification with a weighted sum of the features.",
        ("sklearn.linear_model",),
    ),
    Subject(
        "metrics",
        "Scoring predictions and comparing them with the truth.",
        ("sklearn.metrics", "sklearn.metrics.cluster", "sklearn.metrics.pairwise"),
    ),
    Subject(
        "ndimage",
        "Images of any number of dimensions: filters, morphology, measurements.",
        ("scipy.ndimage",),
    ),
    Subject(
        "optimize",
        "Minimising functions, finding roots, fitting curves, linear programming.",
        ("scipy.optimize",),
    ),
    Subject(
        "preprocessing",
        "Preparing features before a model sees them: scaling, encoding, binning.",
        ("sklearn.preprocessing",),
    ),
    Subject(
        "random",
        "Drawing random numbers and managing their generators.",
        ("numpy.random",),
    ),
    Subject(
        "signal",
        "Signals over time: filters, windows, spectra, linear systems.",
        ("scipy.signal", "scipy.signal.windows"),
    ),
    Subject(
        "sparse",
        "Matrices that are mostly zeros, and graphs stored as such.",
        ("scipy.sparse", "scipy.sparse.linalg", "scipy.sparse.csgraph"),
    ),
    Subject(
        "spatial",
        "Geometry: distances, neighbours in space, hulls, rotations.",
        ("scipy.spatial", "scipy.spatial.distance", "scipy.spatial.transform"),
    ),
    Subject(
        "special",
        "Special functions of mathematics: Bessel, gamma, elliptic, orthogonal polynomials.",
        ("scipy.special",),
    ),
    Subject(
        "stats",
        "Statistics: distributions, tests, summaries, resampling.",
        ("scipy.stats", "scipy.stats.contingency", "scipy.stats.mstats", "scipy.stats.qmc", "scipy.stats.sampling"),
    ),
    Subject(
        "tseries",
        "Dates and times: offsets, frequencies, periods, time stamps.",
        (
            "pandas.tseries.offsets",
            "pandas.tseries.frequencies",
            "pandas:Timestamp",
            "pandas:Timestamp.*",
            "pandas:Timedelta",
            "pandas:Timedelta.*",
            "pandas:Period",
            "pandas:Period.*",
            "pandas:date_range",
            "pandas:bdate_range",
            "pandas:to_datetime",
            "pandas:to_timedelta",
        ),
    ),
)
