"""A cache of charts."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, cast

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils.schemapi import debug_mode

from dashboard.components.theme import INK, ink_of_theme

P = ParamSpec("P")


@dataclass(frozen=True)
class CachedChart:
    """A chart in Vega-Lite, without its data."""

    spec: dict[str, Any]
    datasets: dict[str, pd.DataFrame]

    def to_dict(self) -> dict[str, Any]:
        """Return the chart in Vega-Lite with its data."""
        return deepcopy(self.spec) | {"datasets": dict(self.datasets)}


def cached_chart(build: Callable[P, alt.Chart | alt.LayerChart]) -> Callable[P, CachedChart]:
    """Cache the charts of a builder by its arguments: Altair is the slowest part of most pages."""

    # Frames with lists, such as tags, must not be arguments: Streamlit cannot hash them.
    @st.cache_resource(max_entries=256, show_spinner=False)
    @wraps(build)
    def cached(*args: P.args, **kwargs: P.kwargs) -> CachedChart:
        with debug_mode(False):  # validation takes a third of the time; the tests validate every chart
            spec = build(*args, **kwargs).to_dict(validate=False)
        del spec["config"]  # Altair's sizes; Streamlit sets its own
        for layer in spec.get("layer", [spec]):
            layer["mark"]["aria"] = False  # marks without names; the description and a table beside the chart have them
        datasets = {name: pd.DataFrame(rows) for name, rows in spec.pop("datasets", {}).items()}
        return CachedChart(spec, datasets)

    return cast(Callable[P, CachedChart], cached)


def _replace_ink(spec: Any, ink: str) -> Any:
    """Return a specification in which `INK` is replaced by the ink of the theme."""
    if isinstance(spec, dict):
        return {key: _replace_ink(value, ink) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_replace_ink(value, ink) for value in spec]
    return ink if isinstance(spec, str) and spec == INK else spec


def show_chart(chart: CachedChart, *, key: str | None = None, on_select: Any = "ignore") -> None:
    """Show a chart as wide as its container; ``on_select``: as for `st.vega_lite_chart`."""
    spec = _replace_ink(chart.to_dict(), ink_of_theme())
    height = spec.pop("height", "content")  # known before the chart is drawn, so that nothing below it moves
    st.vega_lite_chart(spec=spec, width="stretch", height=height, key=key, on_select=on_select)
