"""Tables of one run: its classes, figures, calibration and rechecks."""

from collections.abc import Callable, Mapping

import pandas as pd

from core.formatting import (
    count,
    number,
    percent,
)
from dashboard.tables.cells import class_scores, static


def classes(frame: pd.DataFrame) -> None:
    """Show precision, recall and F1 of each class with their intervals."""
    shown = pd.DataFrame({"class": frame["label"]})
    for name, title in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
        shown[title] = [cell.text for cell in class_scores(frame, name)]
    shown["test examples"] = list(map(count, frame["support"]))
    static(shown, numbers=("precision", "recall", "F1", "test examples"))


def metrics(frame: pd.DataFrame, titles: Mapping[str, tuple[str, Callable[..., str]]]) -> None:
    """Show figures with their intervals, by name; ``titles`` gives each its title and format."""
    known = {name: titles[name] for name in titles if name in frame.index}
    rows = [{"metric": title, "value": write(*frame.loc[name])} for name, (title, write) in known.items()]
    static(pd.DataFrame(rows), numbers=("value",))


CALIBRATION = {"log_loss": ("log loss", number), "brier": ("Brier score", number), "ece": ("ECE, %", percent)}


def calibration(frame: pd.DataFrame) -> None:
    """Show what a run's probabilities are worth, a row a figure, a column before and after."""
    shown = pd.DataFrame({"figure": [title for title, _ in CALIBRATION.values()]})
    for when, own in frame.groupby("when", sort=False):
        of_when = own.set_index("name")[["value", "low", "high"]]
        shown[str(when)] = [_calibrated(name, *of_when.loc[name]) for name in CALIBRATION]
    static(shown, numbers=shown.columns[1:])


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
    static(shown, numbers=shown.columns[2:])
