"""Charts: valid Vega-Lite with a description, colors, order and clicks."""

import altair as alt
import pandas as pd
import pytest

from dashboard.app_pages.compare import charts as compare
from dashboard.app_pages.data import charts as dataset
from dashboard.app_pages.run import charts as run
from dashboard.app_pages.try_it import charts as try_it
from dashboard.components import theme
from dashboard.components.chart_cache import CachedChart
from dashboard.components.confusion import charts as confusion
from dashboard.components.cost import charts as cost_charts
from dashboard.components.cost import view_data as cost
from dashboard.components.example import charts as example
from dashboard.components.text_map import charts as text_map

RUNS = pd.DataFrame(
    {
        "id": [1, 2],
        "label": ["#1 tfidf", "#2 lora-r8"],
        "kind": ["baseline", "adapter"],
        "macro_f1": [0.7, 0.8],
        "macro_f1_low": [0.6, 0.7],
        "macro_f1_high": [0.8, 0.9],
        "train_seconds": [0.0, 60.0],
        "trainable_parameters": [0, 74_498],
    }
)
CELLS = pd.DataFrame(
    {
        "true": ["no", "no", "yes", "yes"],
        "predicted": ["no", "yes", "no", "yes"],
        "count": [9, 1, 0, 0],
        "share": [0.9, 0.1, None, None],
    }
)
POINTS = pd.DataFrame(
    {
        "x": [0.0, 1.0],
        "y": [0.0, 1.0],
        "example_id": [5, 6],
        "text": ["a film", "<b>"],
        "true": "no",
        "predicted": ["no", "yes"],
        "confidence": 0.9,
        "outcome": ["correct", "wrong"],
    }
)
CHANGES = pd.DataFrame(
    {
        "label": ["no", "it's \\ odd"],
        "f1": [-0.1, 0.1],
        "f1_low": [-0.2, 0.0],
        "f1_high": [0.0, 0.2],
        "text": ["−10.0 (−20.0 to 0.0)", "+10.0 (0.0 to +20.0)"],
        **{f"{run}{end}": [0.5, 0.6] for run in "ab" for end in ("", "_low", "_high")},
    }
)
CONFUSIONS = CELLS.drop(columns=["count", "share"]).assign(
    a=[9, 1, 0, 0], b=[6, 4, 0, 0], a_share=[0.9, 0.1, None, None], b_share=[0.6, 0.4, None, None]
)
CONFUSIONS = CONFUSIONS.assign(more=CONFUSIONS["a"] - CONFUSIONS["b"], text="+3")
PAIRS = pd.DataFrame(
    {
        "row": ["#1 tfidf", "#2 lora-r8"],
        "column": ["#2 lora-r8", "#1 tfidf"],
        "gap": [-0.1, 0.1],
        "significant": [-0.1, 0.1],
        "interval": ["−20.0 to −1.0", "+1.0 to +20.0"],
        "verdict": ["worse", "better"],
        "text": ["−10.0", "+10.0"],
    }
)
RELIABILITY = pd.DataFrame(
    {"confidence": [0.6, 0.9], "accuracy": [0.5, 0.9], "count": [10, 20], "null_low": [0.3, 0.8], "null_high": [0.9, 1]}
)
COVERAGE = pd.DataFrame({"threshold": [0.5, 0.7], "coverage": [1.0, 0.4], "accuracy": [0.8, 0.9]})
COVERAGE = COVERAGE.assign(coverage_low=0.3, coverage_high=1.0, accuracy_low=0.7, accuracy_high=0.95)
HISTORY = pd.DataFrame(
    {
        "epoch": [0.5, 1.0, 1.0],
        "name": ["loss", "validation_loss", "validation_macro_f1"],
        "value": [0.7, 0.6, 0.8],
    }
)
BALANCE = pd.DataFrame({"split": ["train", "test"], "label": ["no", "no"], "count": [10, 5], "share": [1.0, 1.0]})
BINS = pd.DataFrame({"label": ["no"], "from": [0.0], "to": [8.0], "share": [1.0]})
QUARTILES = pd.DataFrame(
    {"raters": ["lowest quartile"], "errors": [0.1], "errors_low": [0.0], "errors_high": [0.2], "size": [25]}
)
WORDS = pd.DataFrame({"word": ["a", "dull"], "place": [1, 2], "weight": [0.1, -2.0]})
PREDICTION = pd.DataFrame({"label": ["no", "yes"], "probability": [0.4, 0.6]})

ALL = {
    "cost_quality": lambda: cost_charts.cost_quality(
        cost.cost_quality(RUNS, "train_seconds"), "train_seconds", "seconds"
    ),
    "confusion_matrix": lambda: confusion.confusion_matrix(CELLS, ["no", "yes"]),
    "whole_matrix": lambda: confusion.whole_matrix(CELLS, ["no", "yes"], "it's \\ odd"),
    "confused_pairs": lambda: confusion.confused_pairs(CELLS),
    "text_map": lambda: text_map.text_map(POINTS, "component 1", "component 2"),
    "loss_curves": lambda: run.loss_curves(HISTORY, 1.0),
    "score_curve": lambda: run.score_curve(HISTORY, None),
    "class_changes": lambda: compare.class_changes(CHANGES, RUNS),
    "difference": lambda: compare.confusion_matrix(CONFUSIONS, ["no", "yes"], "difference", ""),
    "matrix": lambda: compare.confusion_matrix(CONFUSIONS, ["no", "yes"], "first run", "#2 lora-r8"),
    "curves": lambda: compare.learning_curves(HISTORY.assign(id=2, label="#2 lora-r8"), "validation_loss"),
    "verdict_map": lambda: compare.verdict_matrix(PAIRS, ["#1 tfidf", "#2 lora-r8"]),
    "reliability": lambda: run.reliability(RELIABILITY),
    "bin_counts": lambda: run.bin_counts(RELIABILITY),
    "coverage": lambda: run.coverage(COVERAGE, 0.6),
    "run_intervals": lambda: compare.run_intervals(RUNS, "macro_f1"),
    "class_balance": lambda: dataset.class_balance(BALANCE, ["no", "yes"]),
    "text_lengths": lambda: dataset.text_lengths(BINS, ["no", "yes"]),
    "errors_by_disagreement": lambda: dataset.errors_by_disagreement(QUARTILES),
    "word_importance": lambda: example.word_importance(WORDS, "yes"),
    "probabilities": lambda: try_it.probabilities(PREDICTION, "#0072B2"),
}


def spec(chart: CachedChart) -> dict:
    alt.Chart.from_dict(chart.spec)  # validates against the schema of Vega-Lite
    return chart.to_dict()


@pytest.mark.parametrize("name", ALL)
def test_chart_is_valid_and_has_a_description(name):
    assert spec(ALL[name]())["description"].endswith(".")


def made_up_runs(scores, seconds):
    """Return runs with these scores and costs."""
    frame = pd.DataFrame({"macro_f1": scores, "train_seconds": seconds, "kind": "adapter", "trainable_parameters": 1})
    label = [f"#{i} run" for i in range(len(frame))]
    return frame.assign(id=range(len(frame)), label=label, macro_f1_low=0.0, macro_f1_high=1.0)


def test_runs_without_cost_are_left_of_all_others():
    placed = cost.cost_quality(RUNS, "train_seconds").set_index("label")
    assert 0 < placed.loc["#1 tfidf", "place"] < placed.loc["#2 lora-r8", "place"] == 60
    axis = spec(ALL["cost_quality"]())["layer"][0]["encoding"]["x"]["axis"]
    assert axis["values"][0] == placed.loc["#1 tfidf", "place"]


def test_runs_with_unknown_cost_are_omitted():
    runs_ = made_up_runs([0.7, 0.8], [None, 5.0])
    assert cost.without_cost(runs_, "train_seconds") == ["#0 run"]
    assert cost.cost_quality(runs_, "train_seconds")["label"].tolist() == ["#1 run"]


def test_pareto_front_has_the_undominated_runs():
    placed = cost.cost_quality(made_up_runs([0.7, 0.6, 0.8, 0.75], [1, 2, 3, 4]), "train_seconds")
    assert placed.loc[placed["front"], "label"].tolist() == ["#0 run", "#2 run"]


def test_only_the_front_is_named_and_no_point_is_where_a_name_is_drawn():
    many = made_up_runs([0.5 + i % 50 / 100 for i in range(200)], [1 + i for i in range(200)])
    placed = cost.cost_quality(many, "train_seconds")
    named = placed[placed["name"] != ""]
    assert named["front"].all() and 0 < len(named) < placed["front"].sum()
    for row in named.itertuples():  # a name is above and to the left of its point
        assert not ((placed["place"] < row.place) & (placed["height"] > row.height)).any()
    spec(cost_charts.cost_quality(placed, "train_seconds", "seconds"))


def test_axis_of_quality_fits_the_good_runs_and_marks_the_others():
    runs_ = made_up_runs([0.33, 0.50, 0.78, 0.81, 0.82, 0.83, 0.83], [0, 0, 5, 60, 70, 80, 90])
    placed = cost.cost_quality(runs_.assign(macro_f1_low=runs_["macro_f1"] - 0.02), "train_seconds")
    assert placed.loc[placed["below"], "macro_f1"].tolist() == [0.5, 0.33]
    assert placed["height"].min() > 0.7
    assert (placed.loc[~placed["below"], "height"] == placed.loc[~placed["below"], "macro_f1"]).all()


@pytest.mark.parametrize("seconds", [[0.0], [5.0], [None]], ids=["zero", "positive", "missing"])
def test_cost_of_a_single_run_can_be_drawn(seconds):
    spec(
        cost_charts.cost_quality(
            cost.cost_quality(made_up_runs([0.7], seconds), "train_seconds"), "train_seconds", "seconds"
        )
    )


def test_color_scale_of_confusion_matrix_is_fixed():
    squares = spec(ALL["confusion_matrix"]())["layer"][0]
    assert squares["encoding"]["color"]["scale"]["domain"] == [0, 1]


def test_outcome_of_a_point_has_a_color_and_a_shape():
    encoding = spec(ALL["text_map"]())["layer"][0]["encoding"]
    assert encoding["color"]["field"] == encoding["shape"]["field"] == "outcome"


@pytest.mark.parametrize("name", ["confusion_matrix", "whole_matrix", "confused_pairs"])
def test_click_on_a_confusion_selects_both_labels(name):
    (cell,) = spec(ALL[name]())["params"]
    assert cell["name"] == "cell"
    assert cell["select"]["fields"] == ["true", "predicted"]


def test_classes_are_drawn_in_their_order():
    assert spec(ALL["class_changes"]())["layer"][1]["encoding"]["y"]["sort"] == CHANGES["label"].tolist()


def test_class_has_both_scores_and_their_difference():
    lines, ends, text = spec(ALL["class_changes"]())["layer"]
    assert (lines["encoding"]["x"]["field"], lines["encoding"]["x2"]["field"]) == ("a", "b")
    assert ends["encoding"]["shape"]["scale"]["domain"] == RUNS["label"].tolist()
    assert text["encoding"]["text"]["field"] == "text"


def test_color_scale_of_differences_is_symmetric():
    squares = spec(ALL["difference"]())["layer"][0]
    scale = squares["encoding"]["color"]["scale"]
    assert scale["domain"] == [-3, 0, 3]
    assert scale["range"][0] == theme.ORANGE


@pytest.mark.parametrize("page", ["runs", "run", "compare"])
def test_arguments_of_cached_charts_are_hashable(page, seeded, open_page, caplog):
    open_page(page, run=seeded.lora, against=f"{seeded.odd},{seeded.tfidf}", pair=f"{seeded.odd},{seeded.lora}")
    open_page(page, run=seeded.lora, against=seeded.odd)
    assert not [record for record in caplog.records if "hash" in record.getMessage()]
