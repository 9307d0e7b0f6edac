"""The costs of a run: time, parameters and memory."""

from typing import Any

from core.catalog.figures.figure import Figure, Unit
from core.text import formatting


def _cost(name: str, title: str, help: str, unit: Unit, **options: Any) -> Figure:
    return Figure(name, title, help, unit, "cost", "runs", **{"better": "lower"} | options)


COSTS = (
    _cost("train_seconds", "training time", "The duration of training.", "seconds", listed=True),
    _cost(
        "train_examples_per_second",
        "training speed",
        "Training examples per second.",
        "speed",
        better="higher",
        listed=True,
    ),
    _cost("evaluation_seconds", "evaluation time", "The duration of predicting the test set.", "seconds", listed=True),
    Figure(
        "seconds_per_text",
        "latency per text",
        "The mean time to predict one test text in a batch. A single text takes longer.",
        "short seconds",
        "cost",
        "derived",
        better="lower",
    ),
    _cost(
        "trainable_parameters",
        "trainable parameters",
        "The number of weights that were trained, and their share of all weights of the model.",
        "count",
        listed=True,
        companions=("total_parameters",),
        write=formatting.format_parameters,
    ),
    _cost(
        "total_parameters",
        "total parameters",
        "The number of weights of the model, including the adapter.",
        "count",
        write=formatting.format_parameters,
        listed=True,
    ),
    _cost(
        "adapter_bytes",
        "adapter size",
        "The size of the saved adapter, or of a baseline's model, on disk.",
        "bytes",
        listed=True,
    ),
    _cost(
        "base_memory_bytes",
        "base model memory",
        "The memory of the base model's weights; a quantized base model needs less.",
        "bytes",
        listed=True,
    ),
    _cost(
        "peak_memory_bytes",
        "peak memory",
        "The peak memory of the run's process.",
        "bytes",
        listed=True,
    ),
)
