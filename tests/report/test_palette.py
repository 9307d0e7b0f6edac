"""Colors of runs are stable, and distinct for runs that are shown together."""

from core.report.palette import run_color, run_colors


def test_color_of_a_run_is_stable():
    assert run_color(3) == run_color(3) != run_color(4)


def test_runs_shown_together_have_distinct_colors():
    assert len(set(run_colors([13, 20, 27, 6]).values())) == 4
    assert run_colors([13, 20])[13] == run_color(13)
    assert len(run_colors(range(1, 30))) == 29
