"""The model card that lies beside every adapter: what it is, what it learnt from, how good it is, where it fails."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any, Literal

import numpy as np
import pandas as pd

from core.catalog.figures import MACRO_F1_DIFFERENCE, MACRO_F1_DIFFERENCE_P_VALUE, select_figures
from core.catalog.methods import METHODS
from core.config import RunConfig, make_config
from core.data import bundled
from core.evaluation.comparison import verdict_of
from core.evaluation.counts import confusion
from core.evaluation.intervals import Estimate
from core.store import queries
from core.store.engine import Store
from core.store.records import Dataset, Run
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

Form = Literal["recorded", "merged", "exported"]
"""As what the card lies beside: a run's own files, a merged model, or a folder that runs by itself."""
WORST_SHOWN = 3
"""So many of the worst classes and of the most frequent confusions are named."""
UNKNOWN = "not recorded"


@dataclass(frozen=True)
class BaseModelFacts:
    """What a card states about a run's base model, and the record does not hold.

    ``license``: as the model's own card names it, or None. ``max_length`` and ``input_names``: of its
    tokenizer. ``quantization``: the fields of its `BitsAndBytesConfig`; empty for an exact model.
    """

    license: str | None
    max_length: int
    input_names: tuple[str, ...]
    quantization: Mapping[str, Any]


def render_model_card(store: Store, run_id: int, base: BaseModelFacts | None, form: Form = "recorded") -> str:
    """Return a run's card in Markdown, from its record; ``base`` is None for a method without a base model.

    The run may still be saving its files: its scores and its comparison have to be recorded already.
    """
    run = queries.run(store, run_id)
    assert run.dataset_id is not None
    config, data = make_config(run.config), queries.dataset(store, run.dataset_id)
    balance, metrics = queries.class_balance(store, run.dataset_id), _test_metrics(store, run_id)
    classes = queries.class_metrics(store, [run_id])
    title = METHODS[run.method].title
    parts = [
        _front_matter(run, form),
        f"# {title}: {', '.join(map(_inline, data.labels))}\n",
        f"{_what(run, form)} {METHODS[run.method].note}\n",
        "## Scores\n",
        f"On {format_count(classes['support'].sum())} test examples that were read once, after training; "
        "shares in percent, with 95% intervals.\n",
        _scores(metrics, classes),
        _against_baseline(store, run, metrics),
        "## Known failures\n",
        *_failures(store, run, data, metrics, classes),
        "## Data\n",
        _source(data),
        _balance(balance, data.labels),
        "## Intended use\n",
        "Telling these labels apart in text like the training text. Its errors on other text are unknown; "
        "look at the scores class by class before relying on it.\n",
        _licences(base, data),
        _usage(config, run, data, base, form),
        "## Settings\n",
        "\n".join(
            f"- {name}: {_inline(format_setting(value))}" for name, value in run.config.items() if value is not None
        )
        + "\n",
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(run: Run, form: Form) -> str:
    lines = ["---", "pipeline_tag: text-classification"]
    if run.kind != "baseline":
        library = "peft" if run.kind == "adapter" and form != "merged" else "transformers"
        lines += [f"library_name: {library}", f"base_model: {run.model}"]
    return "\n".join([*lines, "---", ""])


def _what(run: Run, form: Form) -> str:
    if run.model is None:
        return f"A text classifier: {METHODS[run.method].title}, without a base model."
    revision = f" (revision `{run.model_revision}`)" if run.model_revision else ""
    made = "merged into the weights of" if form == "merged" and run.kind == "adapter" else "on"
    held = f", held in {bits[0]} bits while it was trained and tested" if (bits := run.config.get("quantize")) else ""
    size = format_parameters(run.trainable_parameters, run.total_parameters)
    trained = f", {size} trained weights" if run.kind != "baseline" else ""
    return f"A text classifier: {METHODS[run.method].title} {made} `{run.model}`{revision}{held}{trained}."


def _test_metrics(store: Store, run_id: int) -> dict[str, Estimate]:
    frame = queries.metrics(store, [run_id])
    rows = frame[frame["split"] == "test"].astype(object).where(lambda table: table.notna(), None)
    return {
        row.name: Estimate(row.value, row.low, row.high)
        for row in rows[["name", "value", "low", "high"]].itertuples(index=False)
    }


def _scores(metrics: Mapping[str, Estimate], classes: pd.DataFrame) -> str:
    rows = [
        f"| {figure.title} | {figure.format(*vars(metrics[figure.name]).values())} |"
        for figure in select_figures("metrics")
        if figure.listed and figure.group != "baseline" and figure.name in metrics
    ]
    figures = select_figures("class_metrics")
    head = ["label", *(figure.title for figure in figures)]
    each = [[_inline(row.label), *(figure.format_row(row) for figure in figures)] for row in classes.itertuples()]
    table = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *each)]
    return "\n".join(["| metric | value |", "| --- | --- |", *rows, "", *table, ""])


def _against_baseline(store: Store, run: Run, metrics: Mapping[str, Estimate]) -> str:
    """Return what the run gained over its best baseline; nothing where none was recorded before it."""
    gap = metrics.get(MACRO_F1_DIFFERENCE)
    if run.baseline_id is None or gap is None:
        return ""
    p = metrics.get(MACRO_F1_DIFFERENCE_P_VALUE, Estimate(None)).value
    baseline = METHODS[queries.run(store, run.baseline_id).method].title
    tested = f", p {format_p_value(p)}" if p is not None else ""
    return (
        f"Against the best baseline of the same data, {baseline}: {verdict_of(gap, p)}. "
        f"Macro F1 {format_points(*vars(gap).values())} points{tested}.\n"
    )


def _failures(
    store: Store, run: Run, data: Dataset, metrics: Mapping[str, Estimate], classes: pd.DataFrame
) -> list[str]:
    """Return a line for each thing that is known to go wrong."""
    lines = [
        _worst_classes(classes),
        _confusions(store, run, data),
        _calibration(store, run, metrics),
        _truncation(run),
    ]
    return ["\n".join(f"- {line}" for line in lines if line) + "\n"]


def _worst_classes(classes: pd.DataFrame) -> str:
    worst = (
        classes[classes["recall"].notna()].sort_values("recall", kind="stable").head(min(WORST_SHOWN, len(classes) - 1))
    )
    said = [
        f"{_inline(row.label)} {format_class_score(row.recall, row.recall_low, row.recall_high, row.support)}"
        for row in worst.itertuples()
    ]
    return f"Found least often (recall in percent): {'; '.join(said)}." if said else ""


def _confusions(store: Store, run: Run, data: Dataset) -> str:
    true, predicted = queries.labels_and_predictions(store, run.id, data.labels)
    matrix = confusion(true, predicted, len(data.labels))
    there = matrix.sum(axis=1)
    wrong = matrix - np.diag(matrix.diagonal())
    cells = [divmod(int(cell), len(data.labels)) for cell in np.argsort(-wrong, axis=None, kind="stable")[:WORST_SHOWN]]
    said = [
        f"{_inline(data.labels[a])} taken for {_inline(data.labels[b])} {format_count(wrong[a, b])} of {format_count(there[a])} times"
        for a, b in cells
        if wrong[a, b]
    ]
    return f"Most frequent confusions: {'; '.join(said)}." if said else "It got every test example right."


def _calibration(store: Store, run: Run, metrics: Mapping[str, Estimate]) -> str:
    off, luck = metrics.get("ece"), metrics.get("ece_null")
    fitted = queries.metrics(store, [run.id]).set_index("name")["value"].get("temperature")
    if off is None or off.value is None or luck is None or luck.high is None or fitted is None:
        return ""
    if off.value <= luck.high:
        return f"Confidence: no evidence that it is off ({format_percent(off.value)} points on average, as luck alone gives)."
    temperature = float(fitted)
    how = "surer than it should be" if temperature > 1 else "less sure than it could be"
    mended = metrics.get("ece_calibrated", Estimate(None)).value
    return (
        f"Confidence: {how}, off by {format_percent(off.value)} points on average; by {format_percent(mended)} where the logits are "
        f"divided by {format_number(temperature)}, as fitted on the validation examples."
    )


def _truncation(run: Run) -> str:
    share = run.environment.get("truncated", {}).get("test")
    return f"Of {format_percent(share)} % of the test texts it reads only the beginning." if share else ""


def _source(data: Dataset) -> str:
    revision = f", revision `{data.revision}`" if data.revision else ""
    coded = ", ".join(f"{code} = {_inline(name)}" for code, name in enumerate(data.labels))
    return (
        f"{_inline(data.name)} ({_inline(data.source)}{revision}), text column `{data.text_column}`, "
        f"label column `{data.label_column}`. Labels, in the order of the outputs: {coded}.\n"
    )


def _balance(balance: pd.DataFrame, labels: Sequence[str]) -> str:
    counts = balance.set_index(["split", "label"])["count"]
    head = f"| split | all | {' | '.join(map(_inline, labels))} |\n| --- | --- |{' --- |' * len(labels)}"
    rows = [
        f"| {split} | {format_count(counts[split].sum())} | "
        f"{' | '.join(format_count(counts[split].get(label, 0)) for label in labels)} |"
        for split in ("train", "validation", "test")
        if split in counts.index
    ]
    return "\n".join([head, *rows, ""])


def _licences(base: BaseModelFacts | None, data: Dataset) -> str:
    of_base = f"- Base model: {_base_licence(base)}.\n" if base else ""
    return (
        f"## Licence\n\n- What was trained here: none was given. Whoever publishes it chooses one, "
        f"within those of what it was made from.\n{of_base}- Data: {_data_licence(data)}.\n"
    )


def _base_licence(base: BaseModelFacts) -> str:
    return f"{_inline(base.license)}, as its card says" if base.license else UNKNOWN


def _data_licence(data: Dataset) -> str:
    if not data.source.startswith("bundled:"):
        return UNKNOWN
    text = (bundled.HERE / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\*\*(\w+)\.\*\* (.+)$", text, re.MULTILINE))
    return f"{said['Licence'].partition(',')[0]}. {said['Citation'].rstrip('.')}"


def _usage(config: RunConfig, run: Run, data: Dataset, base: BaseModelFacts | None, form: Form) -> str:
    if run.kind == "baseline" or base is None:
        return ""
    if form == "recorded":
        return f"## Loading it\n\n```python\n{_code(config, run, data, base)}```\n"
    return f"## Using it\n\n{_EXPORTED if form == 'exported' else _MERGED}"


_EXPORTED = """This folder needs nothing but the packages of `requirements.txt`:

```
pip install -r requirements.txt
python example.py "a text" "another"
```
"""
_MERGED = """```python
from transformers import pipeline

classify = pipeline("text-classification", model="path/to/this/folder")
print(classify("a text", truncation=True, top_k=None))
```
"""


def loading_options(config: RunConfig, run: Run, bits: Mapping[str, Any]) -> str:
    """Return, as code, what `from_pretrained` is told so that a run's base, or all of it, is read as the run read it.

    ``bits``: the fields of its `BitsAndBytesConfig`, none of an exact model. Untold, a checkpoint
    keeps its own number format, and its head of another size is an error.
    """
    adapter = config.kind == "adapter"
    given = {
        "revision": repr(run.model_revision) if adapter and run.model_revision else "",
        "dtype": "torch.float32",
        "ignore_mismatched_sizes": "True" if adapter else "",
        "quantization_config": f"BitsAndBytesConfig(**{dict(bits)!r})" if bits else "",
        "trust_remote_code": "True" if config.trust_remote_code else "",
    }
    return ", ".join(f"{name}={value}" for name, value in given.items() if value)


def _code(config: RunConfig, run: Run, data: Dataset, base: BaseModelFacts) -> str:
    """Return how the files of a run are loaded without this project."""
    adapter, bits = run.kind == "adapter", base.quantization
    return Template(_CODE).substitute(
        peft="from peft import PeftModel\n" if adapter else "",
        bits=", BitsAndBytesConfig" if bits else "",
        held=f"  # held in {str(config.quantize)[0]} bits, as in training: needs bitsandbytes" if bits else "",
        name=repr(run.model),
        reading=(f", revision={run.model_revision!r}" if run.model_revision else "")
        + (", trust_remote_code=True" if config.trust_remote_code else ""),
        source=f"name, num_labels={len(data.labels)}" if adapter else '"path/to/this/folder"',
        options=loading_options(config, run, bits),
        model='PeftModel.from_pretrained(base, "path/to/this/folder").eval()' if adapter else "base.eval()",
        length=base.max_length,
        inputs=list(base.input_names),
    )


_CODE = """import torch
${peft}from transformers import AutoModelForSequenceClassification, AutoTokenizer$bits

name = $name
tokenizer = AutoTokenizer.from_pretrained(
    name$reading, truncation_side="right", split_special_tokens=True, model_input_names=$inputs
)
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
base = AutoModelForSequenceClassification.from_pretrained($held
    $source, $options
)
base.config.pad_token_id = tokenizer.pad_token_id
model = $model
inputs = tokenizer(["a text"], truncation=True, max_length=$length, return_tensors="pt").to(model.device)
print(model(**inputs).logits.float().softmax(-1))
"""


def _inline(text: str) -> str:
    """Return a text as one line that ends no table cell."""
    return " ".join(text.split()).replace("|", "\\|")
