"""Tables of runs held against each other."""

import pandas as pd

from core.formatting import DASH, FEW_EXAMPLES, count, duration, megabytes, p_value, parameters
from dashboard.tables.cells import class_scores, gaps, scores, static


def class_changes(frame: pd.DataFrame) -> None:
    """Show each class's differences with their intervals, Holm's p, and the flips."""
    shown = pd.DataFrame({"class": frame["label"]})
    for name, title in (("f1", "F1, points"), ("recall", "recall"), ("precision", "precision")):
        shown[title] = [cell.text for cell in gaps(frame, name)]
    shown["p (Holm)"] = [p_value(p).removeprefix("= ") for p in frame["p"]]
    for name in ("fixed", "broken"):
        shown[name] = list(map(count, frame[name]))
    few = frame["support"] < FEW_EXAMPLES
    shown["examples"] = [
        count(n) + (" (too few)" if is_few else "") for n, is_few in zip(frame["support"], few, strict=True)
    ]
    static(shown, numbers=shown.columns[1:])


def run_metrics(frame: pd.DataFrame) -> None:
    """Show the metrics of several runs, a row each, and how each stands to the first."""
    worst = class_scores(frame, "worst_f1", "worst_support")
    shown = pd.DataFrame(
        {
            "run": frame["label"],
            "kind": frame["kind"],
            "macro F1": [cell.text for cell in scores(frame, "macro_f1")],
            "accuracy": [cell.text for cell in scores(frame, "accuracy")],
            "worst class": [f"{name} {cell.text}" for name, cell in zip(frame["worst_class"], worst, strict=True)],
            "training": list(map(duration, frame["train_seconds"])),
            "trained weights": list(map(parameters, frame["trainable_parameters"], frame["total_parameters"])),
            "size": list(map(megabytes, frame["adapter_bytes"])),
        }
    )
    if "gap" in frame:
        shown.insert(3, "against the first", [cell.text for cell in gaps(frame, "gap")])
        shown.insert(4, "verdict", frame["verdict"].replace("", DASH))
        shown.insert(5, "p (Holm)", [DASH if p != p else p_value(p).removeprefix("= ") for p in frame["p"]])
    numbers = ("macro F1", "against the first", "p (Holm)", "accuracy", "training", "trained weights", "size")
    static(shown, numbers=numbers)
