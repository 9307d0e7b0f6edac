"""Inject faults into runs, their database and their files, and count what is lost.

    python -m benchmarks.faults                          everything, about half an hour on two cores
    python -m benchmarks.faults kills --kills 5          one section

It works in a temporary folder. The exit code is 1 if anything was lost.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported
os.environ["HF_HUB_OFFLINE"] = "1"

from numpy.random import Generator, default_rng

from benchmarks.fault_injection.clock import shift_clocks
from benchmarks.fault_injection.concurrency import record_concurrently
from benchmarks.fault_injection.damage import damage_files
from benchmarks.fault_injection.kills import kill_runs
from benchmarks.fault_injection.processes import preload
from benchmarks.fault_injection.tally import Tally, format_table
from benchmarks.fault_injection.undisturbed import Reference, make_reference
from benchmarks.fault_injection.unwritable import close_folder, fill_disk, lock_database


def inject_writers(arguments: argparse.Namespace, _reference: Reference, folder: Path, _rng: Generator) -> list[Tally]:
    """Record from many processes while another reads."""
    output = folder / "output"
    output.mkdir()
    result = record_concurrently(str(folder / "runs.db"), output, arguments.writers, arguments.runs)
    tally = Tally(f"{arguments.writers} processes write, one reads")
    tally.times = arguments.writers * arguments.runs
    tally.losses += ["a run is missing or incomplete"] * (tally.times - result.intact)
    if result.output or result.fallbacks or result.runs != tally.times:
        tally.losses.append(f"{result.runs} rows, {result.fallbacks} fallbacks, and this output: {result.output}")
    tally.outcomes.update({f"reads (the longest {result.longest_read:.1f} s)": result.reads})
    tally.outcomes.update({f"longest write including its wait, {result.longest_write:.1f} s:": 1})
    return [tally]


def inject_kills(arguments: argparse.Namespace, reference: Reference, folder: Path, rng: Generator) -> list[Tally]:
    """Kill runs at random moments and resume them."""
    return kill_runs(reference, folder, arguments.kills, rng)


def inject_full_disks(arguments: argparse.Namespace, reference: Reference, folder: Path, rng: Generator) -> list[Tally]:
    """Run on disks with too little room."""
    return [fill_disk(reference, folder, arguments.refusals, rng)]


def inject_locks(arguments: argparse.Namespace, reference: Reference, folder: Path, rng: Generator) -> list[Tally]:
    """Run while another process locks the database."""
    return [lock_database(reference, folder, arguments.refusals, rng)]


def inject_read_only(arguments: argparse.Namespace, reference: Reference, folder: Path, rng: Generator) -> list[Tally]:
    """Run while the folder becomes read-only."""
    return [close_folder(reference, folder, arguments.refusals, rng)]


def inject_damage(arguments: argparse.Namespace, reference: Reference, folder: Path, rng: Generator) -> list[Tally]:
    """Damage or replace files, and read them."""
    return damage_files(reference, folder, arguments.damages, rng)


def inject_clock_shifts(
    arguments: argparse.Namespace, reference: Reference, folder: Path, rng: Generator
) -> list[Tally]:
    """Set the clock back and ahead during runs."""
    return shift_clocks(reference, folder, arguments.clocks, rng)


DEFAULTS = {"writers": 32, "runs": 50, "kills": 50, "refusals": 10, "damages": 60, "clocks": 20, "seed": 0}
PRELOADED = (
    *("benchmarks.fault_injection.concurrency", "runner", "cli.main", "cli.progress"),
    *("core.runs.pipeline", "core.store.integrity", "transformers.trainer"),
)
"""Modules that the fork server imports once."""
SECTIONS: Mapping[str, Callable[[argparse.Namespace, Reference, Path, Generator], list[Tally]]] = {
    "writers": inject_writers,
    "kills": inject_kills,
    "full": inject_full_disks,
    "locked": inject_locks,
    "closed": inject_read_only,
    "damaged": inject_damage,
    "clock": inject_clock_shifts,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Inject faults, print what was lost, and return 1 if anything was."""
    arguments = parse_arguments(argv)
    print(f"seed {arguments.seed}", flush=True)
    rng, tallies = default_rng(arguments.seed), []
    with reference_run() as reference:
        print(f"a run takes {reference.seconds:.1f} s", flush=True)
        for name in arguments.sections or SECTIONS:
            tallies += run_section(name, arguments, reference, rng)
            print(f"{name}: done", flush=True)
    print(format_table(tallies))
    return 1 if any(tally.losses for tally in tallies) else 0


@contextmanager
def reference_run() -> Iterator[Reference]:
    """Record the undisturbed reference run in a temporary folder."""
    preload(*PRELOADED)
    with TemporaryDirectory(prefix="adapter-bench-") as temporary, patch.dict(os.environ):
        folder = Path(temporary)
        for name, variable in (("state", "XDG_STATE_HOME"), ("hub", "HF_HOME")):  # keep the real home untouched
            (folder / name).mkdir()
            os.environ[variable] = str(folder / name)
        yield make_reference(folder)


def run_section(name: str, arguments: argparse.Namespace, reference: Reference, rng: Generator) -> list[Tally]:
    """Run one section in its own folder."""
    folder = reference.folder / name
    folder.mkdir()
    return SECTIONS[name](arguments, reference, folder, rng)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(SECTIONS)}; all by default")
    for name, default in DEFAULTS.items():
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"default: {default}")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"unknown section: {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
