"""The registry of figures: every metric, cost and count that is stored or shown, described once.

Tables, charts, exports, the command line, the glossary, the model card and the integrity check read it.
"""

from collections.abc import Iterable, Mapping

from core.catalog.figures.costs import COSTS
from core.catalog.figures.counts import CHECKS, COMPARISON, EXAMPLES
from core.catalog.figures.figure import Figure, Group, Storage
from core.catalog.figures.metrics import (
    BASELINE,
    CALIBRATION,
    CLASSES,
    MACRO_F1_DIFFERENCE,
    MACRO_F1_DIFFERENCE_P_VALUE,
    QUALITY,
    TOP_K,
    TOP_K_MIN_LABELS,
    TRAINING,
    TRAINING_MACRO_F1,
)

__all__ = [
    "FIGURES",
    "LISTED_METRICS",
    "MACRO_F1_DIFFERENCE",
    "MACRO_F1_DIFFERENCE_P_VALUE",
    "TOP_K",
    "TOP_K_MIN_LABELS",
    "TRAINING_MACRO_F1",
    "Figure",
    "in_order",
    "select_figures",
]

FIGURES: Mapping[str, Figure] = {
    figure.name: figure
    for figure in (
        *QUALITY,
        *BASELINE,
        *CALIBRATION,
        *CLASSES,
        *TRAINING,
        *COSTS,
        *CHECKS,
        *EXAMPLES,
        *COMPARISON,
    )
}
"""By stored name, in the order of tables."""


def select_figures(
    storage: Storage | None = None, group: Group | None = None, split: str | None = None
) -> tuple[Figure, ...]:
    """Return the figures of a table, a group or a split, in the order of tables."""
    return tuple(
        figure
        for figure in FIGURES.values()
        if storage in (None, figure.storage) and group in (None, figure.group) and (not split or split in figure.splits)
    )


LISTED_METRICS = tuple(figure.name for figure in select_figures("metrics") if figure.listed)
"""The test metrics that are columns of the list of runs."""


def in_order(names: Iterable[str]) -> list[str]:
    """Return stored names in the order of tables; unregistered names come last, in their given order."""
    names = list(names)
    known = [name for name in FIGURES if name in set(names)]
    return known + [name for name in names if name not in FIGURES]
