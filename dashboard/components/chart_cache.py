"""Charts on the screen: built and written out once, afterwards only sent."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, cast

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils.schemapi import debug_mode

P = ParamSpec("P")


@dataclass(frozen=True)
class CachedChart:
    """A chart in Vega-Lite, apart from its data."""

    spec: dict[str, Any]
    datasets: dict[str, pd.DataFrame]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole chart in Vega-Lite."""
        return deepcopy(self.spec) | {"datasets": dict(self.datasets)}


def cached_chart(build: Callable[P, alt.Chart | alt.LayerChart]) -> Callable[P, CachedChart]:
    """Keep what a builder of charts made of the same arguments: Altair takes longer than all else on a page."""

    # Frames that hold lists, such as tags, are not to come here: Streamlit can't tell them apart.
    @st.cache_resource(max_entries=256, show_spinner=False)
    @wraps(build)
    def kept(*arguments: P.args, **named: P.kwargs) -> CachedChart:
        with debug_mode(False):  # the tests check every chart against the schema, at a third of the time it takes
            spec = build(*arguments, **named).to_dict(validate=False)
        del spec["config"]  # Altair's own sizes; Streamlit gives every chart its place
        datasets = {name: pd.DataFrame(rows) for name, rows in spec.pop("datasets", {}).items()}
        return CachedChart(spec, datasets)

    return cast(Callable[P, CachedChart], kept)


def show_chart(chart: CachedChart, *, key: str | None = None, on_select: Any = "ignore") -> None:
    """Show a chart as wide as its place; ``on_select`` as in Streamlit."""
    st.vega_lite_chart(spec=chart.to_dict(), width="stretch", key=key, on_select=on_select)
