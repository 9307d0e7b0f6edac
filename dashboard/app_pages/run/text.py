"""What the page of one run says in whole sentences."""

from typing import TYPE_CHECKING, Any

from core.catalog.methods import METHODS
from core.text.formatting import (
    DASH,
    format_bytes,
    format_class_score,
    format_count,
    format_duration,
    format_number,
    format_percent,
    format_points,
    format_score,
)

if TYPE_CHECKING:
    from core.report.verdicts import ConfigurationComparison, RunComparison
    from core.store.records import Run


from dashboard.components.safe_text import escape_markdown
from dashboard.components.text import format_time


def of_its_seeds(found: "ConfigurationComparison | None") -> str:
    """Return what the seeds of a run's configuration say of it, against those of its baseline."""
    if found is None:
        return "This is one seed's result: how much of it is luck, more seeds would tell."
    gap, seeds = found.result.macro_f1, len(found.result.per_seed)
    verdict = "no evidence either way" if found.result.verdict.startswith("no") else found.result.verdict
    return (
        f"Over {format_count(seeds)} seeds: {format_points(gap.value, gap.low, gap.high)} points "
        f"of macro F1, {verdict}."
    )


def worst_class(row: Any) -> tuple[str, str]:
    """Return title and figure of the class with the lowest F1, from its row; None or an undefined F1 has neither."""
    if row is None or row.f1 != row.f1:
        return "Worst class", DASH
    return f"Worst class: {escape_markdown(row.label)}", format_class_score(
        row.f1, row.f1_low, row.f1_high, row.support
    )


def price(compared: "RunComparison") -> str:
    """Return what a run's difference in macro F1 to its baseline took."""
    ours, theirs, gap = compared.a, compared.b, compared.result.macro_f1
    return (
        f"{format_points(gap.value, gap.low, gap.high)} points of macro F1 for {format_duration(ours.train_seconds)} "
        f"of training instead of {format_duration(theirs.train_seconds)}, "
        f"and {format_bytes(ours.adapter_bytes)} on disk instead of "
        f"{format_bytes(theirs.adapter_bytes)}."
    )


def memory_saved(quantised: "Run", exact: "Run") -> str:
    """Return what holding the base in fewer bits saved, beside a run that is the same but for that."""
    return (
        f"In {quantised.config['quantize'].removesuffix('bit')} bits the base takes "
        f"{format_bytes(quantised.base_memory_bytes)} of memory instead of "
        f"{format_bytes(exact.base_memory_bytes)} in run #{exact.id}; at its peak the run held "
        f"{format_bytes(quantised.peak_memory_bytes)} instead of {format_bytes(exact.peak_memory_bytes)}, "
        f"and trained in {format_duration(quantised.train_seconds)} "
        f"instead of {format_duration(exact.train_seconds)}."
    )


def kept_epoch(kept: Any) -> str:
    """Return which epoch was kept and how it did, and how the last one did: best value, not last.

    ``kept``: epoch, value, low, high, last_epoch and last_value, of macro F1 on the validation examples.
    """
    said = f"macro F1 {format_score(kept.value, kept.low, kept.high)} on the validation examples"
    if kept.epoch == kept.last_epoch:
        return f"Kept: epoch {kept.epoch:g}, the best and the last, with {said}."
    last = f"The last one, epoch {kept.last_epoch:g}, had {format_percent(kept.last_value)}."
    return f"Kept: epoch {kept.epoch:g}, the best, with {said}. {last}"


def silence(run: "Run", *, is_resumable: bool) -> str:
    """Return what is last known of a run that fell silent, and what to do."""
    heartbeat = (
        f"Last sign of life: {format_time(run.heartbeat_at)}, process {run.pid} on {run.host}. "
        if run.heartbeat_at
        else ""
    )
    what = "go on with it" if is_resumable else "make it again"
    return f"{heartbeat}What it had recorded is kept; {what} by the command below."


def goes_on(method: str) -> str:
    """Return what taking up a run of a method gives."""
    if method in METHODS and METHODS[method].reallocates_budget:
        return "It begins anew: no checkpoint holds all of this method. It ends as if it had never stopped."
    return "It goes on from its last checkpoint, and ends with the same predictions as if it had never stopped."


def kind_of(row: Any) -> str:
    """Return what a run is, and of what state, from its row."""
    what = [row.kind, row.title, *([] if row.model == "none" else [row.model]), row.state]
    return f"{' · '.join(what)}. {row.note}"


def files_gone(run: "Run") -> str:
    """Return which folder of a run is missing, and what works without it."""
    return (
        f"The files of this run are gone: there is no folder {run.adapter_path} beside the database. Its scores, "
        "predictions and settings are all here; it can't be tried or downloaded until the folder is back."
    )


def trashed(run: "Run") -> str:
    """Return that a run lies in the trash."""
    return f"In the trash since {format_time(run.deleted_at)}. No other page shows this run; nothing is deleted yet."


def calibration(temperature: float, off: float, by_luck: float) -> str:
    """Return whether a run's confidence can be believed, and the fitted temperature.

    ``off``: its ECE as trained; ``by_luck``: the highest that a perfectly calibrated run would show.
    """
    fitted = f"The temperature fitted on the validation examples is {format_number(temperature)}."
    if off != off or not off > by_luck:
        return (
            f"No evidence that its confidence is off: {format_percent(off)} points on average, "
            f"as luck alone gives. {fitted}"
        )
    how = "surer than it should be" if temperature > 1 else "less sure than it could be"
    return f"As trained it is {how}: its confidence is off by {format_percent(off)} points on average. {fitted}"


def abstaining(split: str, row: Any) -> str:
    """Return what answering only when sure gives on a split, from a row of its figures."""
    answered = format_score(row.coverage, row.coverage_low, row.coverage_high)
    right = format_score(row.accuracy, row.accuracy_low, row.accuracy_high)
    return f"{split.capitalize()}: {answered} % answered, of these {right} % right."
