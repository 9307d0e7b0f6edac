"""The model card that lies beside every adapter."""

from core.config import RunConfig
from core.data.splits import DataSet
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import ClassMetrics, Evaluation
from core.formatting import class_score, score, setting
from core.methods import METHODS
from core.models.classifier import Fitted


def model_card(config: RunConfig, data: DataSet, fitted: Fitted, evaluation: Evaluation) -> str:
    """Return the card in Markdown: what it is, its data, its scores with intervals, how to load it."""
    title = METHODS[config.method].title
    settings = {name: value for name, value in config.settings().items() if value is not None}
    parts = [
        _front_matter(config, data, fitted),
        f"# {title}: {', '.join(data.labels)}\n",
        f"A text classifier: {title} on `{fitted.model or 'no base model'}`, trained on {len(data.train):,} examples "
        f"of {data.name}. {METHODS[config.method].note}\n",
        "## Scores\n",
        f"On {len(data.test):,} test examples that were read once, after training; in percent, with 95 % intervals.\n",
        _scores(evaluation),
        "## Data\n",
        f"{data.name} ({data.source}), text column `{data.text_column}`, label column `{data.label_column}`. "
        f"Labels, in the order of the outputs: {', '.join(f'{i} = {name}' for i, name in enumerate(data.labels))}.\n",
        _balance(data),
        "## Intended use\n",
        "Telling these labels apart in text like the training text. Its errors on other text are unknown; "
        "look at the scores class by class before relying on it.\n",
        _usage(config, data, fitted) if config.kind == "adapter" else "",
        "## Settings\n",
        "\n".join(f"- {name}: {setting(value)}" for name, value in settings.items()) + "\n",
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(config: RunConfig, data: DataSet, fitted: Fitted) -> str:
    lines = ["---", "pipeline_tag: text-classification"]
    if config.kind == "adapter":
        lines += ["library_name: peft", f"base_model: {fitted.model}"]
    return "\n".join([*lines, "---", ""])


def _scores(evaluation: Evaluation) -> str:
    rows = [f"| {name} | {_score(evaluation.metrics[name])} |" for name in ("macro_f1", "accuracy")]
    classes = [f"| {one.label} | {' | '.join(_of_class(one))} | {one.support:,} |" for one in evaluation.classes]
    head = ["| label | precision | recall | F1 | test examples |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(["| metric | value |", "| --- | --- |", *rows, "", *head, *classes, ""])


def _of_class(one: ClassMetrics) -> list[str]:
    figures = (one.precision, one.recall, one.f1)
    return [class_score(figure.value, figure.low, figure.high, one.support) for figure in figures]


def _score(estimate: Estimate) -> str:
    return score(estimate.value, estimate.low, estimate.high)


def _balance(data: DataSet) -> str:
    head = f"| split | {' | '.join(data.labels)} |\n| --- |{' --- |' * len(data.labels)}"
    rows = [
        f"| {name} | {' | '.join(f'{(split.labels == code).sum():,}' for code in range(len(data.labels)))} |"
        for name, split in data.splits.items()
    ]
    return "\n".join([head, *rows, ""])


def _usage(config: RunConfig, data: DataSet, fitted: Fitted) -> str:
    revision = f', revision="{fitted.model_revision}"' if fitted.model_revision else ""
    return f"""## Loading it

```python
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

name = "{fitted.model}"
tokenizer = AutoTokenizer.from_pretrained(name{revision})
base = AutoModelForSequenceClassification.from_pretrained(name{revision}, num_labels={len(data.labels)})
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
base.config.pad_token_id = tokenizer.pad_token_id
model = PeftModel.from_pretrained(base, "path/to/this/folder").eval()
inputs = tokenizer(["a text"], truncation=True, max_length={config.max_length}, return_tensors="pt")
print(model(**inputs).logits.softmax(-1))
```
"""
