"""Sentences of the Run page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.catalog.methods import METHODS
from core.text.formatting import (
    format_bytes,
    format_count,
    format_duration,
    format_number,
    format_p_value,
    format_percent,
    format_points,
    format_score,
    format_setting,
    format_time,
)
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown

if TYPE_CHECKING:
    from core.report.comparisons import RunComparison
    from core.store.records import Run


REPRODUCE_NOTE = "Trains with the same settings, also if defaults change. Baselines that are recorded are reused."


def chips(row: Any, settings: Mapping[str, Any]) -> list[str]:
    """Return the facts under the name of a run: method, model, main settings, seed, sizes, states and date."""
    values = {"r": settings.get("r"), "α": settings.get("alpha"), "epochs": settings.get("epochs"), "seed": row.seed}
    is_continued = row.parent_id == row.parent_id and row.parent_id
    return [
        row.title,
        *([] if row.model == "none" else [row.model]),
        *(f"{name}={format_setting(value)}" for name, value in values.items() if value is not None and value == value),
        *([f"{format_count(settings['train_size'])} train"] if isinstance(settings.get("train_size"), int) else []),
        *([f"continues run #{int(row.parent_id)}"] if is_continued else []),
        *([f"trial {int(row.trial)} of {row.study}"] if isinstance(row.study, str) else []),
        *([] if row.state == "complete" else [row.state]),
        *(["archived"] if row.archived else []),
        f"{row.created_at:%Y-%m-%d}",
    ]


def verdict(compared: "RunComparison") -> str:
    """Return the verdict on a run against its baseline; if it is inconclusive, with its p value."""
    gap = compared.result.macro_f1
    p = f", p {format_p_value(compared.result.p)}" if compared.verdict == "inconclusive" else ""
    difference = format_points(gap.value, gap.low, gap.high)
    return f"{compared.verdict.capitalize()}: {difference} vs #{compared.b.id} {compared.b.name}{p}"


def figure_note(term: str, compared: "RunComparison | None") -> str | None:
    """Return the explanation of a main figure, and what the difference below it is to."""
    explanation = help_for(term)
    if explanation is None or compared is None:
        return explanation
    baseline = escape_markdown(f"#{compared.b.id} {compared.b.name}")
    return f"{explanation} Below: the difference to {baseline}, in points; gray: not significant, or not tested."


def in_trash(run: "Run") -> str:
    """Return that a run is in the trash."""
    return f"In the trash since {format_time(run.deleted_at)}. No other page shows this run; nothing is deleted yet."


def missing_files(run: "Run") -> str:
    """Return which folder of a run is missing, and its consequences."""
    return (
        f"The folder {run.adapter_path} beside the database is missing. Scores, predictions and settings are still "
        "available; to try or download the model, restore the folder."
    )


def last_heartbeat(run: "Run", *, can_resume: bool) -> str:
    """Return when and where a crashed run was last active, and what to do."""
    heartbeat = f"Last heartbeat: {format_time(run.heartbeat_at)}, process {run.pid} on {run.host}. "
    action = "Resume it" if can_resume else "Reproduce it"
    return f"{heartbeat if run.heartbeat_at else ''}{action} with the command below."


def resume_note(method: str) -> str:
    """Return what resuming a run of a method does."""
    if method in METHODS and METHODS[method].reallocates_budget:
        return "Restarts from the beginning: checkpoints omit a part of this method's state. The result is the same."
    return "Continues from the last checkpoint. The predictions are the same as without the interruption."


def kept_epoch(scores: Any) -> str:
    """Return which epoch was kept, its score, and that of the last epoch.

    ``scores``: epoch, value, low, high, last_epoch and last_value, of macro F1 on the validation split.
    """
    score = f"validation macro F1 {format_score(scores.value, scores.low, scores.high)}"
    if scores.epoch == scores.last_epoch:
        return f"Kept epoch {scores.epoch:.3g}, the best and the last: {score}."
    return (
        f"Kept epoch {scores.epoch:.3g}, the best: {score}. "
        f"Last epoch, {scores.last_epoch:.3g}: {format_percent(scores.last_value)}."
    )


def calibration(temperature: float, ece: float, ece_by_chance: float) -> str:
    """Return how well a run is calibrated.

    ``ece``: its expected calibration error as trained; ``ece_by_chance``: the highest of a perfectly
    calibrated run.
    """
    fitted = f"Temperature fitted on the validation split: {format_number(temperature)}."
    if ece != ece or not ece > ece_by_chance:
        return f"No evidence of miscalibration: an ECE of {format_percent(ece)} points is within chance. {fitted}"
    direction = "Overconfident" if temperature > 1 else "Underconfident"
    return f"{direction} as trained: confidence is off by {format_percent(ece)} points on average. {fitted}"


def selective_accuracy(split: str, row: Any) -> str:
    """Return coverage and accuracy at a confidence threshold on a split, from a row of its figures."""
    coverage = format_score(row.coverage, row.coverage_low, row.coverage_high)
    accuracy = format_score(row.accuracy, row.accuracy_low, row.accuracy_high)
    return f"{split.capitalize()}: {coverage}% of the examples predicted, accuracy {accuracy}%."


def additional_cost(compared: "RunComparison") -> str:
    """Return the gain of a run over its baseline, and its additional cost."""
    run, baseline, gap = compared.a, compared.b, compared.result.macro_f1
    return (
        f"{format_points(gap.value, gap.low, gap.high)} points of macro F1 for {format_duration(run.train_seconds)} of "
        f"training instead of {format_duration(baseline.train_seconds)}, and {format_bytes(run.adapter_bytes)} on disk "
        f"instead of {format_bytes(baseline.adapter_bytes)}."
    )


def quantization_savings(quantized: "Run", unquantized: "Run") -> str:
    """Return the memory and time of a quantized run beside the same run without quantization."""
    bits = quantized.config["quantize"].removesuffix("bit")
    return (
        f"In {bits} bits the base model takes {format_bytes(quantized.base_memory_bytes)} of memory instead of "
        f"{format_bytes(unquantized.base_memory_bytes)} in run #{unquantized.id}. Peak memory: "
        f"{format_bytes(quantized.peak_memory_bytes)} instead of {format_bytes(unquantized.peak_memory_bytes)}. "
        f"Training: {format_duration(quantized.train_seconds)} instead of {format_duration(unquantized.train_seconds)}."
    )
