"""Tables of runs, and of runs that differ in the seed alone."""

import pandas as pd
import streamlit as st

from core.formatting import DASH, count, duration, megabytes, parameters
from dashboard.tables.cells import as_told, class_scores, column, gaps, heads, scores, told


def runs(frame: pd.DataFrame, key: str) -> list[int]:
    """Show runs, a row each, with how each adapter stands to its baseline; return the numbers of the chosen ones."""
    shown = pd.DataFrame(
        {
            "#": frame["id"],
            "name": frame["name"],
            "kind": frame["kind"],
            "method": frame["title"],
            "status": frame["state"],
            "macro F1": column(scores(frame, "macro_f1")),
            "vs best baseline": column(gaps(frame, "gap")),
            "verdict": frame["verdict"].str.removesuffix(" either way"),
            "accuracy": column(scores(frame, "accuracy")),
            "worst class F1": column(class_scores(frame, "worst_f1", "worst_support")),
            "worst class": frame["worst_class"].astype(object).fillna(DASH),
            "training": column(told(duration, frame["train_seconds"])),
            "trained weights": column(told(parameters, frame["trainable_parameters"], frame["total_parameters"])),
            "size": column(told(megabytes, frame["adapter_bytes"])),
            "seed": column(told(count, frame["seed"])),
            "model": frame["model"],
        }
    )
    return [int(number) for number in frame["id"].iloc[_chosen(shown, key)]]


def groups(frame: pd.DataFrame, key: str) -> list[int]:
    """Show groups of runs that differ in the seed alone, a row each; return the numbers of the chosen ones' runs."""
    shown = pd.DataFrame(
        {
            "name": frame["name"],
            "kind": frame["kind"],
            "method": frame["title"],
            "status": frame["state"],
            "seeds": frame["seeds"],
            "macro F1": column(told(lambda _, text: str(text), frame["macro_f1"], frame["macro_f1_text"])),
            "range": frame["macro_f1_range"],
            "vs best baseline": column(gaps(frame, "gap")),
            "verdict": frame["verdict"].str.removesuffix(" either way"),
            "accuracy": column(told(lambda _, text: str(text), frame["accuracy"], frame["accuracy_text"])),
            "training, mean": column(told(duration, frame["train_seconds"])),
            "trained weights": column(told(parameters, frame["trainable_parameters"], frame["total_parameters"])),
        }
    )
    return [number for ids in frame["ids"].iloc[_chosen(shown, key)] for number in ids]


def _chosen(shown: pd.DataFrame, key: str) -> list[int]:
    """Show a table, sorted by a click on a column's head; return the places of the chosen rows."""
    config = heads(shown)
    for name in {"#", "name"} & set(config):
        config[name] |= {"pinned": True}
    event = st.dataframe(
        as_told(shown),
        hide_index=True,
        key=key,
        placeholder=DASH,
        on_select="rerun",
        selection_mode="multi-row",
        column_config=config,
    )
    return [row for row in event["selection"]["rows"] if row < len(shown)]
