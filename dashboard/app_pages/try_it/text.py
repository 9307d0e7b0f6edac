"""Sentences of the Try it page."""

import pandas as pd

from core.text.formatting import format_number, format_percent


def calibration(temperature: float | None) -> str:
    """Return whether the probabilities of a prediction are calibrated."""
    if temperature is None:
        return "Not calibrated: this run has no fitted temperature."
    return f"Calibrated with temperature {format_number(temperature)}. Other pages show uncalibrated confidence."


def prediction(probabilities: pd.DataFrame, threshold: float = 0.0) -> str:
    """Return the most probable label with its probability, marked as unsure below the threshold."""
    best = probabilities.loc[probabilities["probability"].idxmax()]
    unsure = "unsure: " if best["probability"] < threshold else ""
    return f"{unsure}{best['label']}, {format_percent(best['probability'])}%"
