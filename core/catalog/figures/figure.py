"""The description of one metric, cost or count, and how its value is formatted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.text import formatting
from core.text.formatting import DASH

Unit = Literal["percent", "number", "points", "p", "count", "epoch", "seconds", "short seconds", "bytes", "speed"]
Direction = Literal["higher", "lower"]
Group = Literal["quality", "calibration", "baseline", "class", "training", "cost", "comparison", "data"]
Storage = Literal["metrics", "class_metrics", "runs", "history", "rechecks", "predictions", "class_balance", "derived"]
Interval = Literal["Wilson", "bootstrap", "paired bootstrap", "null band"]


def _without_interval(write: Callable[[Any], str]) -> Callable[..., str]:
    return lambda value, *_: write(value)


def _percent(value: float | None, low: float | None = None, high: float | None = None) -> str:
    return formatting.format_score(value, low, high)


def _p(value: float | None) -> str:
    return DASH if value is None or value != value else formatting.format_p_value(value).removeprefix("= ")


def _epoch(value: float | None) -> str:
    return DASH if value is None or value != value else f"{value:g}"


_FORMATS: Mapping[Unit, Callable[..., str]] = {
    "percent": _percent,
    "number": formatting.format_number,
    "points": formatting.format_points,
    "p": _without_interval(_p),
    "count": _without_interval(formatting.format_count),
    "epoch": _without_interval(_epoch),
    "seconds": _without_interval(formatting.format_duration),
    "short seconds": _without_interval(formatting.format_milliseconds),
    "bytes": _without_interval(formatting.format_bytes),
    "speed": _without_interval(formatting.format_throughput),
}
_DIRECTIONS: Mapping[Direction | None, str] = {"higher": " Higher is better.", "lower": " Lower is better.", None: ""}


@dataclass(frozen=True)
class Figure:
    """One metric, cost or count.

    ``name``: as stored. ``title``: the column head. ``storage``: the table that stores it; ``derived``
    if it is computed when read. ``interval``: how its stored bounds were computed; None for a
    figure without bounds. ``splits``: where a metric is stored. ``recomputed``: whether the stored
    predictions alone determine its value, so that the integrity check can recompute it. ``listed``:
    whether the list of runs has it as a column. ``companions``: columns that ``write`` needs besides
    the value and its bounds. ``write`` overrides the format of the unit.
    """

    name: str
    title: str
    help: str
    unit: Unit
    group: Group
    storage: Storage
    better: Direction | None = None
    interval: Interval | None = None
    splits: tuple[str, ...] = ()
    recomputed: bool = False
    listed: bool = False
    short_title: str = ""
    companions: tuple[str, ...] = ()
    write: Callable[..., str] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the figure: value, bounds, companions."""
        bounds = (f"{self.name}_low", f"{self.name}_high") if self.interval else ()
        return (self.name, *bounds, *self.companions)

    @property
    def heading(self) -> str:
        """The title with a capital letter."""
        return self.title[0].upper() + self.title[1:]

    @property
    def axis_title(self) -> str:
        """The title with the unit in which the figure is stored."""
        unit = {"seconds": ", seconds", "bytes": ", bytes", "speed": ", examples per second"}.get(self.unit, "")
        return self.title + unit

    @property
    def explanation(self) -> str:
        """The help text, and whether higher or lower is better."""
        return self.help + _DIRECTIONS[self.better]

    def format(self, *values: Any) -> str:
        """Return the figure as text; ``values``: in the order of `columns`, bounds may be missing."""
        return (self.write or _FORMATS[self.unit])(*values)

    def format_value(self, value: float | None) -> str:
        """Return the value alone as text, without bounds and companions; also fits a deviation."""
        return _FORMATS[self.unit](value)

    def format_row(self, row: Any) -> str:
        """Return the figure of a row whose keys or attributes are `columns`; a dash if the row lacks them."""
        get = row.get if isinstance(row, Mapping) else lambda column: getattr(row, column, None)
        return self.format(*map(get, self.columns))
