"""The usage section of a model card: code that needs transformers and peft only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any

from core.store.records import Run


@dataclass(frozen=True)
class BaseModelFacts:
    """Facts about the base model that the run's record lacks.

    ``license``: None if unknown. ``quantization``: the fields of the run's `BitsAndBytesConfig`, empty without
    quantization. ``has_tokenizer``: whether the saved folder contains the tokenizer; early versions did not save it.
    """

    license: str | None = None
    quantization: Mapping[str, Any] = field(default_factory=dict)
    has_tokenizer: bool = True


def render_usage(run: Run, labels: Sequence[str], form: str, base: BaseModelFacts) -> str:
    """Return the section that shows how to use a saved model; empty for a baseline."""
    if run.kind == "baseline":
        return ""
    usage = {"recorded": _loading_code, "exported": _exported_usage, "merged": _merged_usage}[form]
    return f"## Usage\n\n{usage(run, labels, base)}"


def is_mean_pooled(run: Run) -> bool:
    """Return whether the logits are the mean of a token classifier's, see `core.models.pooling`."""
    return run.config.get("pooling") == "mean"


def model_class(run: Run) -> str:
    """Return the name of the class of transformers that loads the run's model."""
    return "AutoModelForTokenClassification" if is_mean_pooled(run) else "AutoModelForSequenceClassification"


def render_loading_options(run: Run, quantization: Mapping[str, Any]) -> str:
    """Return, as code, the arguments of `from_pretrained` that load the base model as the run did.

    Without them, the checkpoint's own dtype is used, and a head of another size is an error.
    """
    adapter = run.kind == "adapter"
    options = {
        "revision": repr(run.model_revision) if adapter and run.model_revision else "",
        "dtype": "torch.float32",
        "ignore_mismatched_sizes": "True" if adapter else "",
        "quantization_config": f"BitsAndBytesConfig(**{dict(quantization)!r})" if quantization else "",
        "trust_remote_code": "True" if run.config.get("trust_remote_code") else "",
    }
    return ", ".join(f"{name}={value}" for name, value in options.items() if value)


def _loading_code(run: Run, labels: Sequence[str], base: BaseModelFacts) -> str:
    adapter = run.kind == "adapter"
    trust = ", trust_remote_code=True" if run.config.get("trust_remote_code") else ""
    revision = f", revision={run.model_revision!r}" if run.model_revision else ""
    code = Template(_ADAPTER_CODE if adapter else _FULL_CODE).substitute(
        model_class=model_class(run),
        bits=", BitsAndBytesConfig" if base.quantization else "",
        pipeline="" if is_mean_pooled(run) else ", pipeline",
        classify=_MEAN_CODE if is_mean_pooled(run) else _PIPELINE_CODE,
        labels=repr(list(labels)),
        name=repr(run.model),
        tokenizer=f"folder{trust}" if base.has_tokenizer else f"{run.model!r}{revision}{trust}",
        options=render_loading_options(run, base.quantization),
    )
    notes = [
        *([_MEAN_NOTE] if is_mean_pooled(run) else []),
        *([_LABELS_NOTE] if adapter else []),
        *([_QUANTIZATION_NOTE.format(run.config["quantize"][0])] if base.quantization else []),
    ]
    return "\n\n".join([*notes, f"```python\n{code}```\n"])


def _exported_usage(run: Run, labels: Sequence[str], base: BaseModelFacts) -> str:
    return f"{_EXPORTED}\n{_loading_code(run, labels, base)}"


def _merged_usage(run: Run, labels: Sequence[str], base: BaseModelFacts) -> str:
    if not is_mean_pooled(run):
        return _MERGED
    return f"{_MEAN_NOTE}\n\n```python\n{_MERGED_MEAN_CODE}{_MEAN_CODE}```\n"


_MEAN_NOTE = (
    "The logits of a text are the mean of those of its tokens: the model is a token classifier. Do not load it with "
    "`AutoModelForSequenceClassification` or a text classification pipeline: they read another vector, and their "
    "predictions are wrong."
)
_LABELS_NOTE = (
    "transformers reads the label names of an adapter from its base model, not from this folder: "
    "pass `id2label` as here. `labels.json` contains the names in the format of a `config.json`."
)
_QUANTIZATION_NOTE = "The base model is quantized to {} bits, which requires bitsandbytes."
_ADAPTER_CODE = """import torch
from peft import PeftModel
from transformers import $model_class, AutoTokenizer$bits$pipeline

folder = "path/to/this/folder"
labels = $labels
tokenizer = AutoTokenizer.from_pretrained($tokenizer)
base = $model_class.from_pretrained(
    $name,
    id2label=dict(enumerate(labels)), label2id={label: code for code, label in enumerate(labels)},
    pad_token_id=tokenizer.pad_token_id, $options,
)
model = PeftModel.from_pretrained(base, folder).eval()
$classify"""
_FULL_CODE = """import torch
from transformers import $model_class, AutoTokenizer$bits$pipeline

folder = "path/to/this/folder"
tokenizer = AutoTokenizer.from_pretrained($tokenizer)
model = $model_class.from_pretrained(folder, $options).eval()
$classify"""
_PIPELINE_CODE = """classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
print(classify(["a text"], truncation=True, top_k=None))
"""
_MEAN_CODE = """names = model.config.id2label
for text in ["a text"]:
    inputs = tokenizer(text, truncation=True, return_tensors="pt").to(model.device)
    with torch.inference_mode():
        scores = model(**inputs).logits.mean(dim=1)[0].float().softmax(-1).tolist()
    print([{"label": names[code], "score": score} for code, score in enumerate(scores)])
"""
_MERGED_MEAN_CODE = """import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
model = AutoModelForTokenClassification.from_pretrained("path/to/this/folder").eval()
"""
_EXPORTED = """On the command line, with the packages of `requirements.txt` only:

```
pip install -r requirements.txt
python example.py "a text" "another"
```

In Python:
"""
_MERGED = """```python
from transformers import pipeline

classify = pipeline("text-classification", model="path/to/this/folder", tokenizer="path/to/this/folder")
print(classify(["a text"], truncation=True, top_k=None))
```
"""
