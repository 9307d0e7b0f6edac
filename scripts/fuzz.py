"""Fuzz the project with random input: ``python -m scripts.fuzz --minutes 60 --seed 1``.

It checks `tests.bad_input.properties` with new cases for every seed, and prints the number of cases by outcome, and
the command that reproduces each failure. The exit code is 1 if anything failed.
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

os.environ["HF_HUB_OFFLINE"] = "1"  # before the libraries are imported

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.bad_input.properties import PROPERTIES

ROUND = 200
"""Number of cases of a property before the next property is checked."""


def main(argv: Sequence[str] | None = None) -> int:
    """Check properties until the time is over; return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="the first round's seed; each later one has the next")
    parser.add_argument("--kind", choices=PROPERTIES, action="append", help="only this property (default: all)")
    arguments = parser.parse_args(argv)
    outcomes: Counter[tuple[str, str]] = Counter()
    failures: dict[str, str] = {}
    end = time.monotonic() + arguments.minutes * 60
    for number in count(arguments.seed):
        for kind in arguments.kind or PROPERTIES:
            failure = _check_round(kind, number, outcomes)
            if failure is not None:
                print(f"\n{kind}, seed {number}: {failure:.4000}", flush=True)
                failures.setdefault(failure.splitlines()[0], _reproduction_command(kind, number))
            if time.monotonic() >= end:
                return _report(outcomes, failures)
    raise AssertionError("seeds have no end")


def _check_round(kind: str, number: int, outcomes: Counter[tuple[str, str]]) -> str | None:
    """Check one round of cases; return the message of the smallest failing case, None without a failure."""
    prop = PROPERTIES[kind]

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(prop.cases)
    def holds(case: Any) -> None:
        with TemporaryDirectory() as folder, chdir(folder):
            outcomes[kind, prop.check(case, Path(folder))] += 1

    try:
        holds()
    except Exception as error:
        return "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    return None


def _reproduction_command(kind: str, number: int) -> str:
    return f"python -m scripts.fuzz --minutes 0 --seed {number} --kind '{kind}'"


def _report(outcomes: Counter[tuple[str, str]], failures: dict[str, str]) -> int:
    print(f"\n{outcomes.total():,} cases:")
    for (kind, outcome), number in sorted(outcomes.items()):
        print(f"  {number:>9,} {kind}: {outcome}")
    print(f"{len(failures)} kinds of failures")
    for failure, command in failures.items():
        print(f"  {failure[:200]}\n    {command}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
