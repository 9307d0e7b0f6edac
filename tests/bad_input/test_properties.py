"""Properties that hold for any input, checked with a fixed sample."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from tests.bad_input.properties import PROPERTIES


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_holds_for_random_input(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    property_, outcomes = PROPERTIES[name], set()

    @settings(
        max_examples=property_.examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(property_.cases)
    def holds(case):
        with TemporaryDirectory() as folder:
            outcomes.add(property_.check(case, Path(folder)))

    holds()
    assert len(outcomes) > 1, "all cases have the same outcome"
