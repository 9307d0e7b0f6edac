"""Show few of many classes: a search, and the classes with the lowest and the highest values."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.text.formatting import MIN_SUPPORT, format_count

EXTREMES = 10
"""With more than twice as many classes, a chart shows this many with the lowest values and with the highest."""
MAX_CLASSES_SIDE_BY_SIDE = 6
"""Up to this many classes, a confusion matrix fits beside other charts."""


def search_classes(labels: Sequence[str]) -> list[str]:
    """Draw a search box if there are many classes; return those whose name contains the phrase, ignoring case."""
    if len(labels) <= 2 * EXTREMES:
        return list(labels)
    phrase = st.text_input("Find class", key="find", bind="query-params", icon=":material/search:", width=300) or ""
    return [label for label in labels if phrase.casefold() in label.casefold()]


def select_extremes(classes: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return the classes with the lowest and the highest values in ascending order; few are all kept, in their order.

    Classes with an undefined value are omitted; of many, also those whose ``support``, if it is a column, is too low
    for a reliable value.
    """
    defined = classes.dropna(subset=value)
    if len(defined) <= 2 * EXTREMES:
        return defined.reset_index(drop=True)
    ranked = defined.sort_values(value, kind="stable")
    reliable = ranked[ranked["support"] >= MIN_SUPPORT] if "support" in ranked else ranked
    ranked = reliable if len(reliable) > 2 * EXTREMES else ranked
    return pd.concat([ranked.head(EXTREMES), ranked.tail(EXTREMES)]).reset_index(drop=True)


def extremes_note(shown: int, total: int) -> str:
    """Return which classes a chart shows; empty if it shows all. ``total``: the number of classes with a value."""
    if shown < 2 * EXTREMES or shown >= total:
        return ""
    return f"{EXTREMES} lowest and {EXTREMES} highest of {format_count(total)} classes."
