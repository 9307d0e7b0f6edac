"""Training speed compared with typical scripts that fine-tune the same model.

    python -m benchmarks.training [--cases short long] [--rounds 5]
    python -m benchmarks.training --quality [--epochs 3]

`ours` is this project's training at its default precision, without dropout; `upper` is the same with an adapter in the
upper half of the layers only, so that the lower half is computed once for each text. `plain` is the Trainer with peft's
LoRA and the same data, seed, batches, rank, target modules and learning rate, in float32 with the model's own dropout.
`padded` is the same script with every text padded to the maximum length, as most examples do. They alternate within
each round: on a shared machine only their ratios are meaningful. The case `short` is the packaged MiniLM on review
sentences, `long` a model of GPT-2's size with random weights on texts of 200 to 400 tokens.

`--quality` trains `ours` and `plain` on the reviews to the end, with three seeds, and compares macro F1 on the test
split and the seconds until a validation macro F1 that both reach.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import f1_score
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.memory import make_model
from benchmarks.training_scripts import TrainedScript, predict_script, train_script
from cli.console import print_table
from core.config import make_config
from core.data import bundled
from core.evaluation.comparison import compare
from core.models.backbone import silence_libraries
from core.models.build import TrainableModel, build_trainable
from core.models.classifier import FitResult
from core.models.precision import frozen_dtype
from core.runs.job import Job, prepare_jobs
from core.runs.progress import Progress
from core.system.environment import PeakMemory
from core.training.fine_tuning import fine_tune

Row = dict[str, Any]
SEEDS = (42, 43, 44)
VARIANTS = ("ours", "upper", "plain", "padded")
SETTINGS: dict[str, dict[str, Any]] = {
    "short": {"train_size": 640, "validation_size": 100, "test_size": 100, "batch_size": 32, "max_length": 128},
    "long": {"train_size": 24, "validation_size": 8, "test_size": 8, "batch_size": 8, "max_length": 512},
}
GOALS = {
    "short": {("ours", "plain"): 2.0, ("upper", "plain"): 3.0, ("ours", "padded"): 10.0},
    "long": {("ours", "plain"): 1.4},
}
"""How many times as fast as a script this project's training should be."""


@dataclass(frozen=True)
class Case:
    """A job to train, its target modules, the model's layers, and the unpadded tokens and operations of an epoch."""

    name: str
    job: Job
    targets: list[str]
    layers: int
    tokens: int
    flops: float


@contextmanager
def open_case(name: str, **settings: Any) -> Iterator[Case]:
    """Prepare the data and model of a case, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder, silence_libraries():
        if name == "long":
            make_model(Path(folder))
            write_long_texts(Path(folder) / "long.csv")
            settings |= {"model": folder, "dataset": str(Path(folder) / "long.csv")}
        # The head of the scripts: transformers' own.
        config = make_config({"epochs": 1, "pooling": "model", "head_init": "random"} | SETTINGS[name] | settings)
        job = prepare_jobs([config], Path(folder))[0]
        model = build_trainable(job)
        tokens = sum(len(ids) for ids in model.base.train["input_ids"])
        assert job.backbone is not None
        layers = int(job.backbone.config.num_hidden_layers)
        yield Case(name, job, model.environment["target_modules"], layers, tokens, count_flops(model))


def write_long_texts(path: Path) -> None:
    """Write texts of 200 to 400 tokens: review sentences of one label, joined."""
    table, rng, rows = bundled.load_bundled("movie-reviews"), np.random.default_rng(0), []
    for label, sentences in table.groupby("label")["text"]:
        texts = iter(sentences.sample(frac=1, random_state=0))
        rows += [(" ".join(next(texts) for _ in range(rng.integers(8, 15))), label) for _ in range(100)]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(path, index=False)


def count_flops(model: TrainableModel) -> float:
    """Return the floating-point operations of the matrix products of one epoch of unpadded training, in float32."""
    classifier = model.classifier.model.train()
    rows = [model.base.train[i] for i in range(min(8, len(model.base.train)))]
    total, tokens = 0.0, 0
    for row in rows:
        batch = {key: torch.tensor([value]) for key, value in row.items() if key != "labels"}
        with FlopCounterMode(display=False) as counter:
            classifier(**batch).logits.sum().backward()
        total, tokens = total + counter.get_total_flops(), tokens + len(row["input_ids"])
    classifier.zero_grad()
    return total / tokens * sum(len(ids) for ids in model.base.train["input_ids"])


def train_once(variant: str, case: Case) -> float:
    """Train one epoch; return the seconds, without loading the model."""
    if variant in ("ours", "upper"):
        layers = f"last:{case.layers // 2}" if variant == "upper" else None
        job = replace(case.job, config=case.job.config.model_copy(update={"layers": layers}))
        return float(fine_tune(job, Progress()).train_seconds or 0)
    return train_script(case.job, case.targets, pads_to_maximum=variant == "padded").seconds


def measure_speed(case: Case, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each variant in each round."""
    seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for position in range(rounds):
        for variant in VARIANTS:
            seconds[variant].append(train_once(variant, case))
        print(f"{case.name}, round {position + 1} of {rounds}", file=sys.stderr)
    return seconds


def measure_memory(case: str, variant: str) -> float:
    """Return the peak memory in MB of a variant, trained in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training", "--memory", variant, "--cases", case]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def print_peak_memory(variant: str, case: Case) -> None:
    """Train once; print the peak memory of this process in MB."""
    with PeakMemory() as memory:
        train_once(variant, case)
    print(memory.bytes / 1e6)


def matrix_rate(dtype: torch.dtype) -> float:
    """Return the best rate in GFLOP/s of the products of MiniLM's widest layer."""
    rows, inner, columns, count = 960, 384, 1536, 20
    a, b = torch.ones(rows, inner, dtype=dtype), torch.ones(columns, inner, dtype=dtype)
    best = min(timed(lambda: [torch.nn.functional.linear(a, b) for _ in range(count)]) for _ in range(20))
    return count * 2 * rows * inner * columns / best / 1e9


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def report_speed(case: Case, seconds: Mapping[str, list[float]], memory: Mapping[str, float]) -> None:
    """Print one row for each variant."""
    rates = {dtype: matrix_rate(dtype) for dtype in (torch.float32, torch.bfloat16)}
    examples, rows = len(case.job.data.train), list[Row]()
    for variant, times in seconds.items():
        typical = median(times)
        dtype = frozen_dtype(case.job.config) if variant in ("ours", "upper") else torch.float32
        rate = case.flops / typical / 1e9
        rows.append(
            {
                "case": case.name,
                "script": variant,
                "dtype": str(dtype).removeprefix("torch."),
                "examples/s": round(examples / typical, 1),
                "tokens/s": round(case.tokens / typical),
                **{f"x {script}": speedup(case, seconds, variant, script) for script in ("plain", "padded")},
                "GFLOP/s": round(rate) if variant != "upper" else "",
                "of matrix rate": f"{rate / rates[dtype]:.0%}" if variant != "upper" else "",
                "peak MB": round(memory[variant]),
            }
        )
    print_rows(rows)


def speedup(case: Case, seconds: Mapping[str, list[float]], variant: str, script: str) -> str:
    """Return how many times as fast as a script a variant is: the median over rounds, the range and the goal."""
    ratios = [theirs / ours for ours, theirs in zip(seconds[variant], seconds[script], strict=True)]
    goal = GOALS[case.name].get((variant, script))
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})" + (f", goal {goal:g}" if goal else "")


def measure_quality(epochs: int) -> None:
    """Train `ours` and `plain` to the end with each seed; print their quality and times."""
    rows = []
    for seed in SEEDS:
        sizes = {"train_size": 2000, "validation_size": 500, "test_size": 1000}
        with open_case("short", seed=seed, epochs=epochs, **sizes) as case:
            curve = ValidationCurve()
            fitted, plain = fine_tune(case.job, curve), train_script(case.job, case.targets)
            rows.append(compare_quality(case, seed, fitted, curve, plain))
    print_rows(rows)


class ValidationCurve(Progress):
    """Collect the macro F1 of each validation with its time."""

    def __init__(self) -> None:
        self.start, self.points = 0.0, list[tuple[float, float]]()

    def on_train_begin(self, step: int) -> None:
        """Start the clock."""
        self.start = time.perf_counter()

    def on_log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Keep the macro F1 on validation."""
        if "validation_macro_f1" in values:
            self.points.append((time.perf_counter() - self.start, values["validation_macro_f1"]))


def compare_quality(case: Case, seed: int, fitted: FitResult, ours: ValidationCurve, plain: TrainedScript) -> Row:
    """Return a row: macro F1 of both on the test split, the difference, and the seconds until a common score."""
    test = case.job.data.test
    predicted = [fitted.classifier.logits(test.texts).argmax(axis=1), predict_script(plain, test, case.job.config)]
    scores = [f1_score(test.labels, labels, average="macro") for labels in predicted]
    difference = compare(test.labels, predicted[0], predicted[1], len(case.job.data.labels)).macro_f1
    target = min(max(score for _, score in points) for points in (ours.points, plain.curve))
    reached = [next(at for at, score in points if score >= target) for points in (ours.points, plain.curve)]
    return {
        "seed": seed,
        **{f"macro F1, {name}": f"{score:.1%}" for name, score in zip(("ours", "plain"), scores, strict=True)},
        "difference": f"{difference.value:+.1%} ({difference.low:+.1%} to {difference.high:+.1%})",
        "validation macro F1": f"{target:.1%}",
        **{f"s, {name}": round(seconds) for name, seconds in zip(("ours", "plain"), reached, strict=True)},
        "ratio": f"{reached[1] / reached[0]:.2f}",
    }


def print_rows(rows: list[Row]) -> None:
    """Print rows as a table."""
    print_table(list(rows[0]), [[str(value) for value in row.values()] for row in rows], text_columns=3)


def main() -> None:
    """Measure speed, or quality."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--epochs", type=int, default=3, help="with --quality")
    parser.add_argument("--memory", choices=VARIANTS, help="print the peak memory of one variant in MB")
    arguments = parser.parse_args()
    if arguments.quality:
        measure_quality(arguments.epochs)
    for name in [] if arguments.quality else arguments.cases:
        with open_case(name) as case:
            if arguments.memory:
                print_peak_memory(arguments.memory, case)
            else:
                seconds = measure_speed(case, arguments.rounds)
                report_speed(case, seconds, {variant: measure_memory(name, variant) for variant in seconds})


if __name__ == "__main__":
    main()
