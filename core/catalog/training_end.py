"""Why a training run ended."""

TRAINING_ENDS = {
    "epochs": "all epochs were trained",
    "no_improvement": "validation loss stopped improving",
    "max_steps": "the maximum number of steps was reached",
    "time_budget": "the time budget was used",
}
"""The reasons, by the name that a run records."""
