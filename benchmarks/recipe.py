"""Whether the default command wins on data that it was not tuned on, and at what price.

    python -m benchmarks.recipe [FILE ...] [--db FOLDER/runs.db] [--seeds 42 43 44]

For each data set (the bundled ones, unless files are given) and seed, three things run through the real pipeline: the
baselines, the default recipe and a reference recipe. The two recipes alternate: on a shared machine only the ratio of
their times is meaningful. Runs that are recorded in the database with the same settings, data and package versions
are not repeated, so that an interrupted benchmark continues.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported

from benchmarks.recipe_report import DatasetResult, is_complete, print_results, save_results, summarize
from cli.progress import ConsoleProgress
from core.config import RunConfig, flag, make_config, section_of
from core.data.bundled import BUNDLED
from core.errors import RequestError
from core.runs.job import Job, add_baselines, prepare_jobs
from core.runs.pipeline import run_jobs
from core.store import queries
from core.store.engine import Store, open_store
from core.store.records import Run
from core.system.environment import package_versions
from core.text.parsing import parse_yaml_pairs

REFERENCE: dict[str, Any] = {
    "epochs": 2,
    "max_length": 128,
    "lr": 0.003,
    "target_modules": "query,value",
    "pooling": "model",
    "dropout": 0.1,
    "model_dropout": "model",
    "head_init": "random",
    "logit_adjustment": "none",
}
"""The settings that differ in the reference recipe; its learning rate is for a hidden size up to 384."""
SEEDS = (42, 43, 44)
SHARED = ("model", *(name for name in RunConfig.model_fields if section_of(name) == "data" and name != "dataset"))
"""Settings of both recipes, each with a flag."""


@dataclass(frozen=True)
class SeedJobs:
    """The jobs of one data set and seed."""

    baselines: list[Job]
    recipe: Job
    reference: Job

    def in_order(self, position: int) -> list[Job]:
        """Return the jobs in the order in which they run; every second time, the reference runs before the recipe."""
        return [*self.baselines, *(self.recipe, self.reference)[:: -1 if position % 2 else 1]]


def main(arguments: Sequence[str] | None = None) -> list[DatasetResult]:
    """Run what is not recorded yet, and print the tables."""
    options = parse_arguments(arguments)
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        try:
            store = open_store(options.db or f"{folder}/runs.db", create=not options.only_report)
            check_settings(options)
            results = [measure(store, dataset, options) for dataset in options.datasets or BUNDLED]
        except RequestError as error:
            sys.exit(str(error))
        store.engine.dispose()
    print_results(results)
    if options.csv:
        save_results(results, options.csv)
    return results


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", metavar="FILE", help="data sets (default: the bundled ones)")
    parser.add_argument("--db", help="database of the runs (default: a temporary one)")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--settings", nargs="+", default={}, metavar="KEY=VALUE", help="changes to the default recipe")
    default = " ".join(f"{name}={value}" for name, value in REFERENCE.items())
    text = f"settings of the reference recipe, instead of {default}"
    parser.add_argument("--reference", nargs="+", default=REFERENCE, metavar="KEY=VALUE", help=text)
    parser.add_argument("--only-report", action="store_true", help="run nothing; print what is recorded in --db")
    parser.add_argument("--csv", type=Path, help="file to save the figures in")
    shared = parser.add_argument_group("settings of both recipes")
    for name in SHARED:
        shared.add_argument(flag(name), nargs="+" if name == "splits" else None, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def check_settings(options: argparse.Namespace) -> None:
    """Raise `RequestError` for invalid settings, before the first run."""
    for changes in (options.settings, options.reference):
        make_config(recipe_settings(options, changes))


def recipe_settings(options: argparse.Namespace, changes: Any) -> dict[str, Any]:
    """Return the settings of a recipe: the shared ones, then those in which it differs from the default one."""
    shared = {name: getattr(options, name) for name in SHARED if getattr(options, name) is not None}
    try:
        pairs: dict[str, Any] = parse_yaml_pairs(changes)
    except ValueError as error:
        raise RequestError(f"{' '.join(changes)} {error}, as in: epochs=2 max_length=128") from None
    return shared | pairs


def measure(store: Store, dataset: str, options: argparse.Namespace) -> DatasetResult:
    """Run the missing jobs of a data set, and return the figures of its recorded runs."""
    try:
        by_seed = prepare_dataset(store, dataset, options)
    except RequestError as error:  # such as too few rows: the other data sets are measured all the same
        return DatasetResult(dataset, problems=(str(error),))
    if not options.only_report:
        run_missing(store, by_seed)
    return summarize(
        store,
        dataset,
        [[find_run(store, job) for job in jobs.baselines] for jobs in by_seed],
        [find_run(store, jobs.recipe) for jobs in by_seed],
        [find_run(store, jobs.reference) for jobs in by_seed],
    )


def prepare_dataset(store: Store, dataset: str, options: argparse.Namespace) -> list[SeedJobs]:
    """Return the jobs of each seed; all share the loaded data set."""

    def config(changes: Any, seed: int) -> RunConfig:
        return make_config(recipe_settings(options, changes) | {"dataset": dataset, "seed": seed})

    configs: list[RunConfig] = []
    for seed in options.seeds:
        configs += [*add_baselines([config(options.settings, seed)]), config(options.reference, seed)]
    jobs = prepare_jobs(configs, store.folder)
    size = len(jobs) // len(options.seeds)
    groups = [jobs[start : start + size] for start in range(0, len(jobs), size)]
    return [SeedJobs(group[:-2], group[-2], group[-1]) for group in groups]


def run_missing(store: Store, by_seed: Sequence[SeedJobs]) -> None:
    """Run the jobs of a data set that are not recorded as complete."""
    ordered = [job for position, jobs in enumerate(by_seed) for job in jobs.in_order(position)]
    distinct = {str(job.config.settings()): job for job in ordered}.values()
    missing = [job for job in distinct if not is_complete(find_run(store, job))]
    with ConsoleProgress() as progress:
        run_jobs(missing, store, progress)


def find_run(store: Store, job: Job) -> Run | None:
    """Return the complete run of a job, else the newest one that ended early; None if there is none.

    The files of a model in a local folder are assumed to be unchanged.
    """
    settings, group_key = job.config.settings(), job.config.group_key(job.data.fingerprint)
    revision = job.backbone.revision if job.backbone else None
    complete = queries.find_identical_run(store, settings, group_key, revision, package_versions())
    if complete is not None:
        return complete
    runs = queries.runs(store)
    ended_early = runs.loc[runs["state"].isin(("failed", "cancelled", "crashed")), "id"]
    records = (queries.run(store, run_id) for run_id in reversed(ended_early.tolist()))
    return next((run for run in records if run.config == settings), None)


if __name__ == "__main__":
    main()
