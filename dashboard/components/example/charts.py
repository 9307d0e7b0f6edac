"""The chart of word importance."""

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, ORANGE

ROW = 24  # pixels for a word


@cached_chart
def word_importance(words: pd.DataFrame, label: str) -> alt.Chart:
    """Draw how much words support a label. ``words``: word, place, weight, in the order of the text."""
    numbered = [f"{place}. {word[:40]}" for place, word in zip(words["place"], words["word"], strict=True)]
    chart: alt.Chart = (
        alt.Chart(words.assign(numbered=numbered), height=ROW * len(words) + 60)
        .mark_bar()
        .encode(
            y=alt.Y("numbered:N", sort=None, title=None, axis=alt.Axis(labelLimit=220)),
            x=alt.X("weight:Q", title="for (+) or against (−), in log-odds"),
            color=alt.condition("datum.weight > 0", alt.value(BLUE), alt.value(ORANGE)),
            tooltip=["word:N", alt.Tooltip("weight:Q", format="+.3f")],
        )
        .properties(description=f"How much each word supports {label}: blue for it, orange against it.")
    )
    return chart
