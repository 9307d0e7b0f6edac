"""Nothing is lost whatever happens to runs, their store and their files: the benchmark of faults, in its small form."""

import pytest
from numpy.random import default_rng

from benchmarks import faults

FEW = faults.parsed(
    [f"--{name}=2" for name in ("writers", "runs", "damages")] + ["--kills=1", "--refusals=1", "--clocks=1"]
)


@pytest.fixture(scope="module")
def shop():
    """A folder with data, a tiny model, and a run that nobody disturbed."""
    with faults.furnished() as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("name", faults.SECTIONS)
def test_nothing_is_lost(name, shop):
    for tally in faults.section(name, FEW, shop, default_rng(1)):
        assert tally.lost == [], tally.fault
