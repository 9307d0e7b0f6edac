"""The model card saved with every model: summary, scores, known failures, training data, usage and settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.catalog.figures import MACRO_F1_DIFFERENCE, MACRO_F1_DIFFERENCE_P_VALUE, select_figures
from core.catalog.methods import METHODS
from core.data import bundled
from core.errors import RequestError
from core.evaluation.comparison import verdict_of
from core.evaluation.counts import confusion_matrix
from core.evaluation.intervals import Estimate
from core.report.card_usage import BaseModelFacts, is_mean_pooled, render_usage
from core.report.comparisons import verdict_word
from core.report.undertraining import undertraining_signs
from core.store import queries
from core.store.engine import Store
from core.store.records import PARENT_GROUP_KEY, Dataset, Run
from core.text.formatting import (
    format_class_score,
    format_count,
    format_number,
    format_p_value,
    format_parameters,
    format_percent,
    format_points,
    format_setting,
)

CardForm = Literal["recorded", "merged", "exported"]
"""The files that the card describes: the run's own, a merged model, or an exported folder."""
WORST_SHOWN = 3
"""Number of lowest-recall classes and of most frequent confusions to name."""
MAX_CARD_CHARACTERS = 200_000
UNKNOWN = "not recorded"


def read_model_card(run: Run, store_folder: Path) -> str | None:
    """Return the beginning of the model card among a run's saved files; None without one.

    Raises `RequestError` if it cannot be read, and for a symbolic link, which may point anywhere.
    """
    folder = run.adapter_folder(store_folder)
    card = folder / "README.md" if folder else None
    if card is None or not (card.is_symlink() or card.is_file()):
        return None
    failed = f"The model card of run {run.id} cannot be read"
    if card.is_symlink():
        raise RequestError(f"{failed}: 'README.md' is a symbolic link.")
    try:
        with card.open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_CARD_CHARACTERS)
    except OSError as error:
        raise RequestError(f"{failed}: {error.strerror}.") from error


def render_model_card(store: Store, run_id: int, base: BaseModelFacts, form: CardForm = "recorded") -> str:
    """Return a run's model card in Markdown.

    The run may still be saving its files, but its scores and its comparison must be recorded.
    """
    run = queries.run(store, run_id)
    assert run.dataset_id is not None
    data, metrics = queries.dataset(store, run.dataset_id), _test_metrics(store, run_id)
    classes = queries.class_metrics(store, [run_id])
    method = METHODS[run.method]
    parts = [
        _front_matter(run, form),
        f"# {method.title}: {', '.join(map(_escape_cell, data.labels))}\n",
        f"{_summary(run, form)} {method.note}\n",
        "## Scores\n",
        f"On {format_count(classes['support'].sum())} test examples, evaluated once after training. "
        "Values in percent, with 95% confidence intervals.\n",
        _scores(metrics, classes),
        _baseline_comparison(store, run, metrics),
        "## Known failures\n",
        _failures(store, run, data, metrics, classes),
        "## Data\n",
        _source(data),
        _class_balance(queries.class_balance(store, run.dataset_id), data.labels),
        "## Intended use\n",
        "Classifying text that resembles the training data. Errors on other text are unknown: "
        "check the scores of each class before relying on the model.\n",
        _licenses(run, data, base),
        render_usage(run, data.labels, form, base),
        _settings(run),
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(run: Run, form: CardForm) -> str:
    # Without the tag, the Hub offers no pipeline, which would not average.
    lines = ["---", *([] if is_mean_pooled(run) else ["pipeline_tag: text-classification"])]
    if run.kind != "baseline":
        library = "peft" if run.kind == "adapter" and form != "merged" else "transformers"
        lines += [f"library_name: {library}", f"base_model: {run.model}"]
    return "\n".join([*lines, "---", ""])


def _summary(run: Run, form: CardForm) -> str:
    title = METHODS[run.method].title
    if run.model is None:
        return f"A text classifier: {title}, without a base model."
    revision = f" (revision `{run.model_revision}`)" if run.model_revision else ""
    relation = "merged into" if form == "merged" and run.kind == "adapter" else "on"
    bits = run.config.get("quantize")
    quantized = f", quantized to {bits[0]} bits in training and evaluation" if bits else ""
    size = format_parameters(run.trainable_parameters, run.total_parameters)
    trainable = f", {size} trainable parameters" if run.kind != "baseline" else ""
    return f"A text classifier: {title} {relation} `{run.model}`{revision}{quantized}{trainable}."


def _test_metrics(store: Store, run_id: int) -> dict[str, Estimate]:
    frame = queries.metrics(store, [run_id])
    rows = frame[frame["split"] == "test"].astype(object).where(lambda table: table.notna(), None)
    return {
        row.name: Estimate(row.value, row.low, row.high)
        for row in rows[["name", "value", "low", "high"]].itertuples(index=False)
    }


def _scores(metrics: Mapping[str, Estimate], classes: pd.DataFrame) -> str:
    overall = [
        f"| {figure.title} | {figure.format(*vars(metrics[figure.name]).values())} |"
        for figure in select_figures("metrics")
        if figure.listed and figure.group != "baseline" and figure.name in metrics
    ]
    figures = select_figures("class_metrics")
    head = ["label", *(figure.title for figure in figures)]
    rows = [[_escape_cell(row.label), *(figure.format_row(row) for figure in figures)] for row in classes.itertuples()]
    table = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(["| metric | value |", "| --- | --- |", *overall, "", *table, ""])


def _baseline_comparison(store: Store, run: Run, metrics: Mapping[str, Estimate]) -> str:
    """Return the verdict on the run and its best baseline; empty if none was recorded before the run."""
    difference = metrics.get(MACRO_F1_DIFFERENCE)
    if run.baseline_id is None or difference is None:
        return ""
    p = metrics.get(MACRO_F1_DIFFERENCE_P_VALUE, Estimate(None)).value
    baseline = queries.run(store, run.baseline_id)
    p_value = f", p {format_p_value(p)}" if p is not None else ""
    verdict = verdict_of(difference, p)
    signs = undertraining_signs(store, run) if verdict != "helped" else None
    undertraining = f" Likely under-trained ({_escape_cell(signs)})." if signs else ""
    return (
        f"Compared with the best baseline on the same data, {METHODS[baseline.method].title}: "
        f"{verdict_word(verdict, run, baseline)}. "
        f"Macro F1 {format_points(*vars(difference).values())} points{p_value}.{undertraining}\n"
    )


def _failures(store: Store, run: Run, data: Dataset, metrics: Mapping[str, Estimate], classes: pd.DataFrame) -> str:
    lines = [
        _lowest_recall(classes),
        _confusions(store, run, data),
        _calibration(store, run, metrics),
        _truncation(run),
    ]
    return "\n".join(f"- {line}" for line in lines if line) + "\n"


def _lowest_recall(classes: pd.DataFrame) -> str:
    shown = min(WORST_SHOWN, len(classes) - 1)
    lowest = classes[classes["recall"].notna()].sort_values("recall", kind="stable").head(shown)
    recalls = [
        f"{_escape_cell(row.label)} {format_class_score(row.recall, row.recall_low, row.recall_high, row.support)}"
        for row in lowest.itertuples()
    ]
    return f"Lowest recall (in percent): {'; '.join(recalls)}." if recalls else ""


def _confusions(store: Store, run: Run, data: Dataset) -> str:
    true, predicted = queries.labels_and_predictions(store, run.id, data.labels)
    matrix = confusion_matrix(true, predicted, len(data.labels))
    support, labels = matrix.sum(axis=1), [_escape_cell(label) for label in data.labels]
    errors = matrix - np.diag(matrix.diagonal())
    most_frequent = np.argsort(-errors, axis=None, kind="stable")[:WORST_SHOWN]
    confusions = [
        f"{labels[a]} predicted as {labels[b]}, {format_count(errors[a, b])} of {format_count(support[a])}"
        for a, b in (divmod(int(cell), len(labels)) for cell in most_frequent)
        if errors[a, b]
    ]
    if not confusions:
        return "It classified every test example correctly."
    return f"Most frequent confusions: {'; '.join(confusions)}."


def _calibration(store: Store, run: Run, metrics: Mapping[str, Estimate]) -> str:
    ece, null = metrics.get("ece"), metrics.get("ece_null")
    temperature = queries.metrics(store, [run.id]).set_index("name")["value"].get("temperature")
    if ece is None or ece.value is None or null is None or null.high is None or temperature is None:
        return ""
    if ece.value <= null.high:
        return f"Calibration: no evidence of miscalibration (ECE {format_percent(ece.value)} points)."
    direction = "overconfident" if float(temperature) > 1 else "underconfident"
    calibrated = metrics.get("ece_calibrated", Estimate(None)).value
    return (
        f"Calibration: {direction}, ECE {format_percent(ece.value)} points; {format_percent(calibrated)} points after "
        f"dividing the logits by {format_number(float(temperature))}, the temperature fitted on the validation split."
    )


def _truncation(run: Run) -> str:
    share = run.environment.get("truncated", {}).get("test")
    return (
        f"{format_percent(share)}% of the test texts are truncated: the model reads their beginning." if share else ""
    )


def _source(data: Dataset) -> str:
    revision = f", revision `{data.revision}`" if data.revision else ""
    codes = ", ".join(f"{code} = {_escape_cell(name)}" for code, name in enumerate(data.labels))
    return (
        f"{_escape_cell(data.name)} ({_escape_cell(data.source)}{revision}), text column `{data.text_column}`, "
        f"label column `{data.label_column}`. Labels, in output order: {codes}.\n"
    )


def _class_balance(balance: pd.DataFrame, labels: Sequence[str]) -> str:
    counts = balance.set_index(["split", "label"])["count"]
    head = f"| split | all | {' | '.join(map(_escape_cell, labels))} |\n| --- | --- |{' --- |' * len(labels)}"
    rows = [
        f"| {split} | {format_count(counts[split].sum())} | "
        f"{' | '.join(format_count(counts[split].get(label, 0)) for label in labels)} |"
        for split in ("train", "validation", "test")
        if split in counts.index
    ]
    return "\n".join([head, *rows, ""])


def _licenses(run: Run, data: Dataset, base: BaseModelFacts) -> str:
    from_model_card = f"{_escape_cell(base.license)}, according to its model card" if base.license else UNKNOWN
    base_model = f"- Base model: {from_model_card}.\n" if "model" in METHODS[run.method].sections else ""
    return (
        "## License\n\n- This model: not specified. Whoever publishes it chooses a license that its sources permit.\n"
        f"{base_model}- Data: {_data_license(data)}.\n"
    )


def _data_license(data: Dataset) -> str:
    if not data.source.startswith("bundled:"):
        return UNKNOWN
    license_name, citation = bundled.read_license_and_citation()
    return f"{license_name}. {citation}"


def _settings(run: Run) -> str:
    lines = [
        f"- {name}: {_escape_cell(format_setting(value))}" for name, value in run.config.items() if value is not None
    ]
    if PARENT_GROUP_KEY in run.environment:
        lines.append("- initial weights: those of an earlier run with these settings, except perhaps the epochs")
    return "\n".join(["## Settings\n", *lines, ""])


def _escape_cell(text: str) -> str:
    """Return a text for a Markdown table cell: on one line, with escaped pipes."""
    return " ".join(text.split()).replace("|", "\\|")
