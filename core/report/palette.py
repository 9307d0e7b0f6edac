"""The colors of runs, the same on every screen and in every report."""

from collections.abc import Iterable

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")
"""Colors that people with a color vision deficiency can tell apart (Okabe and Ito 2008)."""


def run_color(run_id: int) -> str:
    """Return the color of a run."""
    return OKABE_ITO[(run_id - 1) % len(OKABE_ITO)]


def run_colors(run_ids: Iterable[int]) -> dict[int, str]:
    """Return colors of runs that are shown together: that of `run_color`, or a free one if that is taken."""
    taken: dict[int, str] = {}
    for run_id in sorted(set(run_ids)):
        free = [unused for unused in OKABE_ITO if unused not in taken.values()]
        color = run_color(run_id)
        taken[run_id] = color if color in free or not free else free[0]
    return taken
