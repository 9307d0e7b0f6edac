"""Bad input, as much of it as there is time for: ``python -m scripts.fuzz --minutes 60 --seed 1``.

It asks for what `tests.bad_input.properties` says, with cases that are new with every seed, and prints
how many there were, what became of them, and how to meet again what went wrong. Exit code 1 where
something did.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import chdir
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before the libraries are read

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.bad_input.properties import PROPERTIES

ROUND = 200
"""So many cases of a kind are made from one seed, before the next kind has its turn."""


def main(argv: Sequence[str] | None = None) -> int:
    """Ask until the time is over; return 1 where something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="the first round's seed; each later one has the next")
    parser.add_argument("--kind", choices=PROPERTIES, action="append", help="this kind alone (default: all)")
    asked = parser.parse_args(argv)
    outcomes: Counter[tuple[str, str]] = Counter()
    failures: dict[str, str] = {}
    end = time.monotonic() + asked.minutes * 60
    for number in count(asked.seed):
        for kind in asked.kind or PROPERTIES:
            failed = _round(kind, number, outcomes)
            if failed is not None:
                print(f"\n{kind}, seed {number}: {failed:.4000}", flush=True)
                failures.setdefault(failed.splitlines()[0], _again(kind, number))
            if time.monotonic() >= end:
                return _report(outcomes, failures)
    raise AssertionError("seeds have no end")


def _round(kind: str, number: int, outcomes: Counter[tuple[str, str]]) -> str | None:
    """Ask for one round of cases; return what went wrong with the smallest case that shows it."""
    one = PROPERTIES[kind]

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(one.cases)
    def holds(case: Any) -> None:
        with TemporaryDirectory() as folder, chdir(folder):
            outcomes[kind, one.holds(case, Path(folder))] += 1

    try:
        holds()
    except Exception as error:
        return "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    return None


def _again(kind: str, number: int) -> str:
    return f"python -m scripts.fuzz --minutes 0 --seed {number} --kind '{kind}'"


def _report(outcomes: Counter[tuple[str, str]], failures: dict[str, str]) -> int:
    print(f"\n{outcomes.total():,} cases:")
    for (kind, outcome), number in sorted(outcomes.items()):
        print(f"  {number:>9,} {kind}: {outcome}")
    print(f"{len(failures)} kinds of failures")
    for failure, again in failures.items():
        print(f"  {failure[:200]}\n    {again}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
