"""The fault-injection benchmark in its small form: nothing is lost."""

import pytest
from numpy.random import default_rng

from benchmarks import faults

SMALL = faults.parse_arguments(
    [f"--{name}=2" for name in ("writers", "runs", "damages")] + ["--kills=1", "--refusals=1", "--clocks=1"]
)


@pytest.fixture(scope="module")
def reference():
    """An undisturbed run with its data and its tiny model."""
    with faults.reference_run() as reference:
        yield reference


@pytest.mark.slow
@pytest.mark.parametrize("name", faults.SECTIONS)
def test_nothing_is_lost(name, reference):
    for tally in faults.run_section(name, SMALL, reference, default_rng(1)):
        assert tally.losses == [], tally.fault
