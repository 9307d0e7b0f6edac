"""Generate the shipped runs.db and adapters/ by training on the bundled data.

    .venv/bin/python -m scripts.make_record            add missing runs
    .venv/bin/python -m scripts.make_record --clean    delete all runs first (about 30 minutes on two cores)

A run is missing unless one with the same settings, data and package versions is recorded. The script fails if a
file names this machine or the files are too large.
"""

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported

from cli.progress import ConsoleProgress
from cli.run_report import collect_report, print_report
from core.runs.job import Job, add_baselines, prepare_jobs
from core.runs.pipeline import run_jobs
from core.runs.reuse import find_recorded_run
from core.search.grid import expand_grid
from core.serving.inference import resolve_saved_run
from core.serving.model_cards import model_card_of_run
from core.store import queries
from core.store.engine import DEFAULT_DATABASE, Store, open_store
from core.store.publishing import make_publishable

SEEDS = [42, 43, 44]
ATTENTION: dict[str, list[Any]] = {"dataset": ["movie-reviews"], "target_modules": [("query", "value")]}
"""LoRA on the modules that the other methods adapt, for the comparison of methods."""
REQUESTS: list[dict[str, list[Any]]] = [
    {"dataset": ["movie-reviews"], "r": [8], "epochs": [2]},  # the first command of the README
    {"dataset": ["movie-reviews"], "r": [8], "seed": SEEDS},
    {"dataset": ["movie-reviews"], "r": [4]},
    {"dataset": ["movie-reviews-3"], "r": [4], "seed": SEEDS},
    ATTENTION,  # last: the dashboard opens on the newest run's data
    ATTENTION | {"dora": [True]},
    ATTENTION | {"init": ["pissa"]},
    ATTENTION | {"quantize": ["4bit"]},
    {
        "dataset": ["movie-reviews"],
        "method": ["ia3", "adalora", "vera", "fourierft", "oft", "loha", "ln_tuning", "prompt_tuning"],
    },
]
MAX_BYTES = 20_000_000


def main() -> None:
    """Run the missing jobs, and check the result."""
    folder = DEFAULT_DATABASE.parent
    if "--clean" in sys.argv[1:]:
        delete_record(folder)
    jobs = prepare_jobs(add_baselines([config for request in REQUESTS for config in expand_grid(request)]), folder)
    store = open_store(str(DEFAULT_DATABASE), create=True)
    missing = [job for job in jobs if not is_recorded(store, job)]
    with ConsoleProgress() as progress:
        records = run_jobs(missing, store, progress)
    print_report(collect_report(store, [record.id for record in records]))
    make_publishable(store)
    write_cards(store)
    store.engine.dispose()
    problems = [f"run {record.id} {record.state}" for record in records if record.state != "complete"]
    problems += find_machine_names(folder) + check_size(folder)
    if problems:
        sys.exit("The runs cannot be shipped: " + "; ".join(problems))


def delete_record(folder: Path) -> None:
    """Delete the shipped runs."""
    for path in folder.glob("runs.db*"):
        path.unlink()
    shutil.rmtree(folder / "adapters", ignore_errors=True)


def is_recorded(store: Store, job: Job) -> bool:
    """Return whether a job's run is recorded with the installed versions."""
    return find_recorded_run(store, job) is not None


def write_cards(store: Store) -> None:
    """Write the model cards of all adapters again, which name where the tokenizer is."""
    for run_id in queries.runs(store).query("kind == 'adapter' and state == 'complete'")["id"]:
        saved = resolve_saved_run(store, int(run_id))
        card = model_card_of_run(store, int(run_id), saved.backbone, folder=saved.folder)
        (saved.folder / "README.md").write_text(card, encoding="utf-8")


def shipped_files(folder: Path) -> list[Path]:
    """Return the files of the shipped runs."""
    return [folder / "runs.db", *(path for path in (folder / "adapters").rglob("*") if path.is_file())]


def find_machine_names(folder: Path) -> list[str]:
    """Return a message for each shipped file that names this machine or one of its folders."""
    names = {socket.gethostname(), str(folder), str(Path.home()), sys.prefix}
    patterns = [name.encode() for name in names if len(name) > 3]
    return [
        f"{path} names this machine"
        for path in shipped_files(folder)
        if any(pattern in path.read_bytes() for pattern in patterns)
    ]


def check_size(folder: Path) -> list[str]:
    """Return a message if the shipped files are too large for the repository."""
    total = sum(path.stat().st_size for path in shipped_files(folder))
    return [f"{total:,} bytes exceed the maximum of {MAX_BYTES:,}"] if total > MAX_BYTES else []


if __name__ == "__main__":
    main()
