"""What runs answer, in words."""

from typing import TYPE_CHECKING

import pandas as pd

from core.text.formatting import format_number, format_percent

if TYPE_CHECKING:
    pass


def temperature(fitted: float | None) -> str:
    """Return whether the probabilities of an answer are calibrated."""
    if fitted is None:
        return "Not calibrated: this run has no fitted temperature."
    fitted_on = f"the temperature fitted on the validation examples, {format_number(fitted)}"
    return f"Calibrated with {fitted_on}; elsewhere confidence stands as trained."


def answer(probabilities: pd.DataFrame, threshold: float = 0.0) -> str:
    """Return the most probable label with its probability; below the threshold, that it is unsure."""
    first = probabilities.loc[probabilities["probability"].idxmax()]
    if first["probability"] < threshold:
        return f"unsure: {first['label']} is the likeliest, {format_percent(first['probability'])} %"
    return f"{first['label']}, {format_percent(first['probability'])} %"
