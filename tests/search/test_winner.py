"""The check of a search's winner with fresh seeds and on the test split."""

from dataclasses import replace
from statistics import fmean

import pytest

from core.report.search_verdict import Finalist, WinnerCheck, compare_with_defaults, search_verdict
from core.runs.progress import Progress
from core.search.search import validation_score
from core.search.winner import check_winner
from core.store import queries
from tests.search.conftest import LEARNS, open_small_search, search_small

SEEDS = 2


@pytest.fixture(scope="module")
def checked(tmp_path_factory, tiny_bert):
    """A search of three trials, its check, and the ids of the runs before the check."""
    folder = tmp_path_factory.mktemp("checked")
    search = open_small_search(folder, tiny_bert, {"lr": [LEARNS, 3 * LEARNS], "r": [2, 4]}, dtype="float32")
    search_small(search, 3)
    before = queries.runs(search.store)["id"].tolist()
    check = check_winner(search, Progress(), finalists=2, seeds=SEEDS)
    return search, check, before


def test_only_the_winner_and_the_defaults_are_evaluated_on_the_test_split(checked):
    search, check, before = checked
    runs = queries.runs(search.store).set_index("id")
    trained = runs[runs["kind"] != "baseline"]
    evaluated = trained.index[trained["macro_f1"].notna()].tolist()
    assert sorted(evaluated) == sorted({*check.winner_runs, *check.default_runs})
    assert trained.loc[evaluated, "study"].isna().all()  # ordinary runs, as on the Runs page
    again = trained.drop(index=[*before, *evaluated])
    assert set(again["state"]) == {"validated"} and set(again["seed"]) <= set(check.seeds)
    assert search.default.config.seed not in check.seeds


def test_winner_has_the_highest_mean_over_the_fresh_seeds(checked):
    search, check, _ = checked
    winner, *others = check.finalists
    assert winner.trial == check.winner.trial
    assert all(fmean(winner.fresh_scores) >= fmean(other.fresh_scores) for other in others)
    scores = [validation_score(search.store, run_id) for run_id in check.winner_runs]
    assert check.winner.fresh_scores == tuple(scores)
    assert check.optimism == pytest.approx(check.winner.score - fmean(scores))


def test_winner_is_compared_with_the_defaults_on_the_fresh_seeds(checked):
    search, check, _ = checked
    comparison = compare_with_defaults(search.store, check)
    if check.is_default:
        assert comparison is None
    else:
        assert len(comparison.result.per_seed) == SEEDS
    assert len(search_verdict(check, comparison)) == (2 if check.is_default else 3)


def test_check_is_stored_and_not_repeated(checked):
    search, check, _ = checked
    count = len(queries.runs(search.store))
    assert check_winner(search, Progress(), finalists=2, seeds=SEEDS) == check
    assert len(queries.runs(search.store)) == count


def test_recommendation_follows_the_verdict(checked):
    winner = Finalist(4, 0.8, (0.7, 0.7))
    check = WinnerCheck(winner, (winner,), (1, 2), (5, 6), (5, 6))
    assert search_verdict(check, None)[0].startswith("Keep the defaults")
    assert "+10.0 points" in search_verdict(check, None)[-1]
    search, made, _ = checked
    if not made.is_default:
        comparison = compare_with_defaults(search.store, made)
        helped = replace(comparison, result=replace(comparison.result, verdict="helped"))
        assert search_verdict(made, helped)[0].startswith(f"Use trial {made.winner.trial}")
