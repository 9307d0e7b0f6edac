"""Tables as the screens show them: every number through the one formatting module, undefined ones as a dash."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.formatting import (
    DASH,
    FEW_EXAMPLES,
    class_score,
    count,
    duration,
    megabytes,
    number,
    p_value,
    parameters,
    percent,
    points,
    score,
    setting,
)

Cells = list["Told"]


class Told(float):
    """A number as a table's cell: sorted by its value, so that 9 stands before 10, and shown as its text."""

    text: str

    def __new__(cls, value: float | None, text: str) -> "Told":
        """Make a cell; None has no place in the order."""
        cell = super().__new__(cls, float("nan") if value is None else value)
        cell.text = text
        return cell


def _told(write: Callable[..., str], values: Iterable[Any], *more: Iterable[Any]) -> Cells:
    """Return cells of values, each written with what stands in the same row of the other columns."""
    return [Told(row[0], write(*row)) for row in zip(values, *more, strict=True)]


def _scores(frame: pd.DataFrame, name: str) -> Cells:
    return _told(score, frame[name], frame[f"{name}_low"], frame[f"{name}_high"])


def _class_scores(frame: pd.DataFrame, name: str, support: str = "support") -> Cells:
    return _told(class_score, frame[name], frame[f"{name}_low"], frame[f"{name}_high"], frame[support])


def _gaps(frame: pd.DataFrame, name: str) -> Cells:
    return _told(points, frame[name], frame[f"{name}_low"], frame[f"{name}_high"])


def runs(frame: pd.DataFrame, key: str) -> list[int]:
    """Show runs, a row each, with how each adapter stands to its baseline; return the numbers of the chosen ones."""
    shown = pd.DataFrame(
        {
            "#": frame["id"],
            "name": frame["name"],
            "kind": frame["kind"],
            "method": frame["title"],
            "status": frame["state"],
            "macro F1": _cells(_scores(frame, "macro_f1")),
            "vs best baseline": _cells(_gaps(frame, "gap")),
            "verdict": frame["verdict"].str.removesuffix(" either way"),
            "accuracy": _cells(_scores(frame, "accuracy")),
            "worst class F1": _cells(_class_scores(frame, "worst_f1", "worst_support")),
            "worst class": frame["worst_class"].astype(object).fillna(DASH),
            "training": _cells(_told(duration, frame["train_seconds"])),
            "trained weights": _cells(_told(parameters, frame["trainable_parameters"], frame["total_parameters"])),
            "size": _cells(_told(megabytes, frame["adapter_bytes"])),
            "seed": _cells(_told(count, frame["seed"])),
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
            "macro F1": _cells(_told(lambda _, text: str(text), frame["macro_f1"], frame["macro_f1_text"])),
            "range": frame["macro_f1_range"],
            "vs best baseline": _cells(_gaps(frame, "gap")),
            "verdict": frame["verdict"].str.removesuffix(" either way"),
            "accuracy": _cells(_told(lambda _, text: str(text), frame["accuracy"], frame["accuracy_text"])),
            "training, mean": _cells(_told(duration, frame["train_seconds"])),
            "trained weights": _cells(_told(parameters, frame["trainable_parameters"], frame["total_parameters"])),
        }
    )
    return [number for ids in frame["ids"].iloc[_chosen(shown, key)] for number in ids]


def _cells(cells: Cells) -> pd.Series:
    return pd.Series(cells, dtype=object)


def _as_told(shown: pd.DataFrame) -> Any:
    return shown.style.format(lambda cell: cell.text if isinstance(cell, Told) else str(cell))


def _chosen(shown: pd.DataFrame, key: str) -> list[int]:
    """Show a table, sorted by a click on a column's head; return the places of the chosen rows."""
    pinned = {name: st.column_config.Column(pinned=True) for name in ("#", "name") if name in shown}
    event = st.dataframe(
        _as_told(shown),
        hide_index=True,
        key=key,
        placeholder=DASH,
        on_select="rerun",
        selection_mode="multi-row",
        column_config=pinned,
    )
    return [row for row in event["selection"]["rows"] if row < len(shown)]


def classes(frame: pd.DataFrame) -> None:
    """Show precision, recall and F1 of each class with their intervals."""
    shown = pd.DataFrame({"class": frame["label"]})
    for name, title in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
        shown[title] = [cell.text for cell in _class_scores(frame, name)]
    shown["test examples"] = list(map(count, frame["support"]))
    _static(shown, numbers=("precision", "recall", "F1", "test examples"))


def class_changes(frame: pd.DataFrame) -> None:
    """Show each class's differences with their intervals, Holm's p, and the flips."""
    shown = pd.DataFrame({"class": frame["label"]})
    for name, title in (("f1", "F1, points"), ("recall", "recall"), ("precision", "precision")):
        shown[title] = [cell.text for cell in _gaps(frame, name)]
    shown["p (Holm)"] = [p_value(p).removeprefix("= ") for p in frame["p"]]
    for name in ("fixed", "broken"):
        shown[name] = list(map(count, frame[name]))
    few = frame["support"] < FEW_EXAMPLES
    shown["examples"] = [
        count(n) + (" (too few)" if is_few else "") for n, is_few in zip(frame["support"], few, strict=True)
    ]
    _static(shown, numbers=shown.columns[1:])


def run_metrics(frame: pd.DataFrame) -> None:
    """Show the metrics of several runs, a row each, and how each stands to the first."""
    worst = _class_scores(frame, "worst_f1", "worst_support")
    shown = pd.DataFrame(
        {
            "run": frame["label"],
            "kind": frame["kind"],
            "macro F1": [cell.text for cell in _scores(frame, "macro_f1")],
            "accuracy": [cell.text for cell in _scores(frame, "accuracy")],
            "worst class": [f"{name} {cell.text}" for name, cell in zip(frame["worst_class"], worst, strict=True)],
            "training": list(map(duration, frame["train_seconds"])),
            "trained weights": list(map(parameters, frame["trainable_parameters"], frame["total_parameters"])),
            "size": list(map(megabytes, frame["adapter_bytes"])),
        }
    )
    if "gap" in frame:
        shown.insert(3, "against the first", [cell.text for cell in _gaps(frame, "gap")])
        shown.insert(4, "verdict", frame["verdict"].replace("", DASH))
        shown.insert(5, "p (Holm)", [DASH if p != p else p_value(p).removeprefix("= ") for p in frame["p"]])
    numbers = ("macro F1", "against the first", "p (Holm)", "accuracy", "training", "trained weights", "size")
    _static(shown, numbers=numbers)


def metrics(frame: pd.DataFrame, titles: Mapping[str, tuple[str, Callable[..., str]]]) -> None:
    """Show figures with their intervals, by name; ``titles`` gives each its title and format."""
    known = {name: titles[name] for name in titles if name in frame.index}
    rows = [{"metric": title, "value": write(*frame.loc[name])} for name, (title, write) in known.items()]
    _static(pd.DataFrame(rows), numbers=("value",))


CALIBRATION = {"log_loss": ("log loss", number), "brier": ("Brier score", number), "ece": ("ECE, %", percent)}


def calibration(frame: pd.DataFrame) -> None:
    """Show what a run's probabilities are worth, a row a figure, a column before and after."""
    shown = pd.DataFrame({"figure": [title for title, _ in CALIBRATION.values()]})
    for when, own in frame.groupby("when", sort=False):
        of_when = own.set_index("name")[["value", "low", "high"]]
        shown[str(when)] = [_calibrated(name, *of_when.loc[name]) for name in CALIBRATION]
    _static(shown, numbers=shown.columns[1:])


def _calibrated(name: str, value: float, low: float, high: float) -> str:
    """Return a figure with its interval; of an ECE that of a perfectly calibrated run, said so."""
    if name == "ece" and value == value:
        return f"{percent(value)}; a perfectly calibrated run: {percent(low)}–{percent(high)}"
    return number(value, low, high)


def rechecks(frame: pd.DataFrame) -> None:
    """Show what predicting the test set again gave, a row a time."""
    shown = pd.DataFrame(
        {
            "when": frame["created_at"].map(lambda when: f"{when:%Y-%m-%d %H:%M}"),
            "result": frame["drifted"].map({True: "drifted", False: "nothing drifted"}),
            "labels changed": list(map(count, frame["changed_labels"])),
            "a probability moved by at most": list(map(number, frame["max_difference"])),
        }
    )
    _static(shown, numbers=shown.columns[2:])


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


def flawed(frame: pd.DataFrame) -> None:
    """Show rows of the data that something is the matter with."""
    if "similarity" in frame:
        frame = frame.assign(similarity=[f"{percent(share)} %" for share in frame["similarity"]])
    texts = {
        name: st.column_config.TextColumn(width="large") for name in ("test text", "twin", "text") if name in frame
    }
    st.dataframe(frame, hide_index=True, column_config=texts)


def suspects(frame: pd.DataFrame) -> None:
    """Show examples whose label is in doubt, with how far the raters were apart where that is known."""
    shown = frame[["text", "label", "suggested"]].rename(columns={"suggested": "suggested label"})
    shown["quality of the label, %"] = _cells(_told(percent, frame["quality"]))
    if "deviation" in frame:
        shown["deviation of the raters"] = _cells(_told(number, frame["deviation"]))
    st.dataframe(_as_told(shown), hide_index=True, column_config={"text": st.column_config.TextColumn(width="large")})


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
