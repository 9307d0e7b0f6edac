"""Tables as the screens show them: every number through the one formatting module, undefined ones as a dash."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.formatting import DASH, count, duration, megabytes, parameters, percent, points, score, setting

FEW_EXAMPLES = 10
_RUN_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "id": ("#", str),
    "name": ("name", str),
    "kind": ("kind", str),
    "title": ("method", str),
    "state": ("status", str),
    "macro_f1": ("macro F1", percent),
    "interval": ("95 % interval", str),
    "accuracy": ("accuracy", percent),
    "worst_f1": ("worst class F1", percent),
    "worst_class": ("worst class", lambda value: value if isinstance(value, str) else DASH),
    "train_seconds": ("training", duration),
    "trainable_parameters": ("trained weights", parameters),
    "adapter_bytes": ("size", megabytes),
    "seed": ("seed", count),
    "model": ("model", str),
}


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of shares: ``80.0–84.7``."""
    return DASH if low is None or high is None or low != low or high != high else f"{percent(low)}–{percent(high)}"


def runs(frame: pd.DataFrame, key: str) -> list[int]:
    """Show runs, a row each, sorted by a click on a column's head; return the numbers of the chosen ones."""
    shown = frame.assign(interval=list(map(interval, frame["macro_f1_low"], frame["macro_f1_high"])))
    shown = shown[list(_RUN_COLUMNS)].rename(columns={name: title for name, (title, _) in _RUN_COLUMNS.items()})
    # The cells stay numbers, so that a click on a column's head sorts by size, not by first digit.
    styled = shown.style.format(dict(_RUN_COLUMNS.values()))
    event = st.dataframe(
        styled,
        hide_index=True,
        key=key,
        placeholder=DASH,
        on_select="rerun",
        selection_mode="multi-row",
        column_config={"#": st.column_config.Column(pinned=True), "name": st.column_config.Column(pinned=True)},
    )
    rows = [row for row in event["selection"]["rows"] if row < len(frame)]
    return [int(number) for number in frame["id"].iloc[rows]]


def classes(frame: pd.DataFrame) -> None:
    """Show precision, recall and F1 of each class with their intervals."""
    shown = pd.DataFrame({"class": frame["label"]})
    for name, title in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
        shown[title] = list(map(score, frame[name], frame[f"{name}_low"], frame[f"{name}_high"]))
    shown["test examples"] = list(map(count, frame["support"]))
    few = frame["support"] < FEW_EXAMPLES
    if few.any():
        shown["note"] = few.map({True: "too few examples to tell", False: ""})
    _static(shown, numbers=("precision", "recall", "F1", "test examples"))


def class_changes(frame: pd.DataFrame, mine: str, theirs: str) -> None:
    """Show each class's F1 in two runs, the difference with its interval, and the flips."""
    shown = pd.DataFrame(
        {
            "class": frame["label"],
            f"F1 of {mine}": list(map(percent, frame["f1"])),
            f"F1 of {theirs}": list(map(percent, frame["other_f1"])),
            "difference": list(map(points, frame["value"], frame["low"], frame["high"])),
            "fixed": list(map(count, frame["fixed"])),
            "broken": list(map(count, frame["broken"])),
        }
    )
    _static(shown, numbers=shown.columns[1:])


def run_metrics(frame: pd.DataFrame) -> None:
    """Show the metrics of several runs, a row each, and how each stands to the first."""
    shown = pd.DataFrame(
        {
            "run": frame["label"],
            "kind": frame["kind"],
            "macro F1": list(map(score, frame["macro_f1"], frame["macro_f1_low"], frame["macro_f1_high"])),
            "accuracy": list(map(score, frame["accuracy"], frame["accuracy_low"], frame["accuracy_high"])),
            "worst class": [f"{row.worst_class} {percent(row.worst_f1)}" for row in frame.itertuples()],
            "training": list(map(duration, frame["train_seconds"])),
            "trained weights": list(map(parameters, frame["trainable_parameters"], frame["total_parameters"])),
            "size": list(map(megabytes, frame["adapter_bytes"])),
        }
    )
    if "gap" in frame:
        shown.insert(3, "against the first", list(map(points, frame["gap"], frame["gap_low"], frame["gap_high"])))
        shown.insert(4, "verdict", frame["verdict"].replace("", DASH))
    _static(shown, numbers=("macro F1", "against the first", "accuracy", "training", "trained weights", "size"))


def metrics(frame: pd.DataFrame, titles: Mapping[str, tuple[str, Callable[..., str]]]) -> None:
    """Show figures with their intervals, by name; ``titles`` gives each its title and format."""
    known = {name: titles[name] for name in titles if name in frame.index}
    rows = [{"metric": title, "value": write(*frame.loc[name])} for name, (title, write) in known.items()]
    _static(pd.DataFrame(rows), numbers=("value",))


def facts(values: Mapping[str, Any]) -> None:
    """Show names with their values; those without a value are left out."""
    rows = {name: str(value) for name, value in values.items() if value not in (None, "", DASH)}
    _static(pd.DataFrame({"": list(rows), "value": list(rows.values())}))


def frame(shown: pd.DataFrame) -> None:
    """Show a frame of text as it is."""
    _static(shown)


def failures(frame: pd.DataFrame, key: str) -> int | None:
    """Show judged examples, a row each; return the position of the chosen one."""
    columns = {"text": "text", "label": "true", "predicted": "predicted", "confidence": "confidence"}
    columns |= {"flip": "flip", "other": "the other said"} if "flip" in frame else {}
    shown = frame[list(columns)].rename(columns=columns)
    event = st.dataframe(
        shown.assign(confidence=shown["confidence"] * 100),
        hide_index=True,
        height=440,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "text": st.column_config.TextColumn(width="large"),
            "confidence": st.column_config.ProgressColumn(
                "confidence, %", min_value=0, max_value=100, format="%.1f", width="small"
            ),
        },
    )
    rows = [row for row in event["selection"]["rows"] if row < len(frame)]
    return rows[0] if rows else None


def example(row: pd.Series) -> None:
    """Show what is known of one judged example besides its text."""
    said = {
        "true label": row["label"],
        "predicted": f"{row['predicted']}, {percent(row['confidence'])} %",
        "probability of the true label": f"{percent(row['true_probability'])} %",
        "the other run said": row.get("other"),
        "flip": row.get("flip"),
    }
    facts(said | {name.replace("_", " "): setting(value) for name, value in (row["extra"] or {}).items()})


def balance(shown: pd.DataFrame) -> None:
    """Show count and share of each class, a row a split."""
    cells = shown.assign(cell=list(map(_cell, shown["count"], shown["share"])))
    wide = cells.pivot(index="split", columns="label", values="cell")
    wide = wide.loc[list(dict.fromkeys(shown["split"])), list(dict.fromkeys(shown["label"]))].reset_index()
    _static(wide, numbers=wide.columns[1:])


def _cell(number: float, share: float) -> str:
    return f"{count(number)} ({percent(share)} %)"


def lengths(shown: pd.DataFrame) -> None:
    """Show how long the texts of each class are, in characters."""
    figures = [name for name in shown if name != "label"]
    _static(shown.assign(**{name: list(map(count, shown[name])) for name in figures}), numbers=figures)


def examples(shown: pd.DataFrame) -> None:
    """Show examples, a row each, with the source's other columns."""
    extra = pd.json_normalize(shown["extra"].tolist()).map(setting)
    frame = shown[["split", "label", "text", "length"]].rename(columns={"length": "characters"})
    extra = extra[[name for name in extra if name not in frame]]
    wide = {"text": st.column_config.TextColumn(width="large")}
    st.dataframe(pd.concat([frame, extra], axis=1), hide_index=True, height=440, column_config=wide)


def _static(shown: pd.DataFrame, numbers: Any = ()) -> None:
    right = {name: st.column_config.TextColumn(alignment="right") for name in numbers if name in shown}
    st.dataframe(shown, hide_index=True, height="content", column_config=right)
