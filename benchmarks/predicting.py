"""How much of the model's speed `predict` keeps on a file, and how fast adapters of one base take turns.

    .venv/bin/python -m benchmarks.predicting [--lines 10000] [--rounds 5] [--db runs.db]

A file of review sentences goes the whole way: read, cut into tokens, batched, classified, written.
The bare model gets the same batches, ready made. The two take turns within each round, because
absolute times mean little on a shared machine; what counts is their ratio.
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
from core.serving.batch_predict import CHUNK, atomic_text_writer, read_input_rows, write_predictions
from core.serving.inference import LoadedRun, load_runs
from core.store import queries
from core.store.engine import Store, open_store

ENOUGH, SWITCH_SECONDS = 0.9, 0.2


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def two_adapters(store: Store) -> list[LoadedRun]:
    """Load the first two complete LoRA runs of one base and one set of labels."""
    runs = queries.runs(store)
    runs = runs[(runs["method"] == "lora") & (runs["state"] == "complete")]
    _, alike = next(group for group in runs.groupby(["model", "dataset_id"]) if len(group[1]) > 1)
    return load_runs(store, alike["id"].head(2).tolist())


def same_batches(classifier: NeuralClassifier, texts: list[str]) -> list[BatchEncoding]:
    """Return the batches that `predict` makes of the texts."""
    made: list[BatchEncoding] = []

    def keep(batch: BatchEncoding) -> torch.Tensor:
        made.append(batch)
        return torch.zeros(len(batch["input_ids"]), 1)

    for start in range(0, len(texts), CHUNK):
        run_texts(classifier.model, classifier.tokenizer, texts[start : start + CHUNK], keep)
    return made


def bare(model: Any, batches: list[BatchEncoding]) -> None:
    """Put ready batches through a model, and nothing else."""
    with torch.inference_mode():
        for batch in batches:
            model(**batch).logits.cpu()


def whole_way(loaded: LoadedRun, source: Path, output: Path) -> None:
    """Classify a file as the command does, once the model is loaded."""
    rows = read_input_rows(source, None, "text")
    with atomic_text_writer(output) as target:
        write_predictions(loaded, rows, target, ".csv")


def on_a_file(loaded: LoadedRun, lines: int, rounds: int) -> None:
    """Print the speed of the whole way as a share of the bare model's, with and without its adapter."""
    assert isinstance(loaded.classifier, NeuralClassifier)
    texts = (bundled.load_bundled("movie-reviews")["text"].tolist() * (lines // 10_000 + 1))[:lines]
    model: Any = loaded.classifier.model.eval()
    batches = same_batches(loaded.classifier, texts)
    times: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.csv", Path(folder) / "out.csv"
        pd.DataFrame({"text": texts}).to_csv(source, index=False)
        bare(model, batches[:2])
        for _ in range(rounds):
            ours = timed(lambda: whole_way(loaded, source, output))
            theirs = timed(lambda: bare(model, batches))
            with model.disable_adapter():
                base = timed(lambda: bare(model, batches))
            times.append((ours, theirs, base))
    ours, theirs, base = (median(column) for column in zip(*times, strict=True))
    print(f"predict on {lines:,} lines        {ours:7.2f} s   {lines / ours:,.0f} lines/s")
    share = median(theirs / ours for ours, theirs, _ in times)
    print(f"its model, ready batches     {theirs:7.2f} s   predict has {share:.1%} of its speed (wanted: {ENOUGH:.0%})")
    print(f"the base without the adapter {base:7.2f} s   predict has {base / ours:.1%} of its speed")


def switching(loaded: list[LoadedRun], rounds: int) -> None:
    """Print how much longer an answer takes when the other adapter of the base answered before."""
    first, second = loaded
    text = ["a fine film"]
    first.predict(text)
    same = [timed(lambda: first.predict(text)) for _ in range(rounds * 4)]
    turns = [timed(partial(run.predict, text)) for _ in range(rounds * 4) for run in (second, first)]
    print(
        f"an answer {median(same) * 1e3:.1f} ms, after a switch of adapters {median(turns) * 1e3:.1f} ms, "
        f"at worst {max(turns) * 1e3:.1f} ms (wanted: under {SWITCH_SECONDS * 1e3:.0f} ms)"
    )


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--db")
    asked = parser.parse_args()
    loaded = two_adapters(open_store(asked.db))
    switching(loaded, asked.rounds)
    on_a_file(loaded[0], asked.lines, asked.rounds)


if __name__ == "__main__":
    main()
