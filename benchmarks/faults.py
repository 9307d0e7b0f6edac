"""What is lost when runs, their store and its files are broken on purpose; the answer should be: nothing.

    python -m benchmarks.faults                          all, about half an hour on two cores
    python -m benchmarks.faults kills --kills 5          some of it

Everything happens in a temporary folder. Exit code 1 where something was lost.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: see runner.py
os.environ["HF_HUB_OFFLINE"] = "1"

from numpy.random import Generator, default_rng

from benchmarks.breaking.clock import clocks
from benchmarks.breaking.damage import damaged
from benchmarks.breaking.kills import kills
from benchmarks.breaking.many import crowd
from benchmarks.breaking.processes import read_beforehand
from benchmarks.breaking.refusals import closed, full, locked
from benchmarks.breaking.runs import Workshop, workshop
from benchmarks.breaking.tally import Tally, table


def of_writers(arguments: argparse.Namespace, _shop: Workshop, folder: Path, _rng: Generator) -> list[Tally]:
    """Record from many processes at once, while another reads."""
    told = folder / "told"
    told.mkdir()
    found = crowd(str(folder / "runs.db"), told, arguments.writers, arguments.runs)
    tally = Tally(f"{arguments.writers} processes write, one reads")
    tally.times = arguments.writers * arguments.runs
    tally.lost += ["a run is not there, or not whole"] * (tally.times - found.whole)
    if found.told or found.aside or found.runs != tally.times:
        tally.lost.append(f"{found.runs} rows, {found.aside} kept aside, and this was said: {found.told}")
    tally.seen.update({f"reads (the longest {found.longest_read:.1f} s)": found.reads})
    tally.seen.update({f"longest write, its wait included, {found.longest_write:.1f} s:": 1})
    return [tally]


def of_kills(arguments: argparse.Namespace, shop: Workshop, folder: Path, rng: Generator) -> list[Tally]:
    """Kill runs at random moments, and take them up again."""
    return kills(shop, folder, arguments.kills, rng)


def of_full_disks(arguments: argparse.Namespace, shop: Workshop, folder: Path, rng: Generator) -> list[Tally]:
    """Run where there is too little room."""
    return [full(shop, folder, arguments.refusals, rng)]


def of_locks(arguments: argparse.Namespace, shop: Workshop, folder: Path, rng: Generator) -> list[Tally]:
    """Run while another process holds the database."""
    return [locked(shop, folder, arguments.refusals, rng)]


def of_closed_folders(arguments: argparse.Namespace, shop: Workshop, folder: Path, rng: Generator) -> list[Tally]:
    """Run while the folder becomes read-only."""
    return [closed(shop, folder, arguments.refusals, rng)]


def of_damages(arguments: argparse.Namespace, shop: Workshop, folder: Path, rng: Generator) -> list[Tally]:
    """Damage or exchange files, and look at what is left."""
    return damaged(shop, folder, arguments.damages, rng)


def of_clocks(arguments: argparse.Namespace, shop: Workshop, folder: Path, rng: Generator) -> list[Tally]:
    """Set the clock back and forth while runs are at work."""
    return clocks(shop, folder, arguments.clocks, rng)


DEFAULTS = {"writers": 32, "runs": 50, "kills": 50, "refusals": 10, "damages": 60, "clocks": 20, "seed": 0}
READ = (
    *(
        "benchmarks.breaking.many",
        "runner",
        "cli.checking",
        "cli.progress",
        "core.runs.pipeline",
        "core.store.integrity",
    ),
    "transformers.trainer",
)
"""What processes have read already when they begin."""
SECTIONS: Mapping[str, Callable[[argparse.Namespace, Workshop, Path, Generator], list[Tally]]] = {
    "writers": of_writers,
    "kills": of_kills,
    "full": of_full_disks,
    "locked": of_locks,
    "closed": of_closed_folders,
    "damaged": of_damages,
    "clock": of_clocks,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Break things, print what was lost, and return 1 where that is anything."""
    arguments = parsed(argv)
    print(f"seed {arguments.seed}", flush=True)
    rng, tallies = default_rng(arguments.seed), []
    with furnished() as shop:
        print(f"a run takes {shop.seconds:.1f} s", flush=True)
        for name in arguments.sections or SECTIONS:
            tallies += section(name, arguments, shop, rng)
            print(f"{name}: done", flush=True)
    print(table(tallies))
    return 1 if any(one.lost for one in tallies) else 0


@contextmanager
def furnished() -> Iterator[Workshop]:
    """Make a workshop in a folder that lasts as long."""
    read_beforehand(*READ)
    with TemporaryDirectory(prefix="adapter-bench-") as temporary, patch.dict(os.environ):
        folder = Path(temporary)
        for name, variable in (("state", "XDG_STATE_HOME"), ("hub", "HF_HOME")):  # the real home is left alone
            (folder / name).mkdir()
            os.environ[variable] = str(folder / name)
        yield workshop(folder)


def section(name: str, arguments: argparse.Namespace, shop: Workshop, rng: Generator) -> list[Tally]:
    """Do one section in a folder of its own."""
    folder = shop.folder / name
    folder.mkdir()
    return SECTIONS[name](arguments, shop, folder, rng)


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(SECTIONS)}; all by default")
    for name, default in DEFAULTS.items():
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"default: {default}")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
