"""Few of many classes: a search, and those with the lowest and the highest values."""

import numpy as np
import pandas as pd

from dashboard import data
from dashboard.app_pages.compare.view_data import class_changes
from dashboard.app_pages.data.view_data import length_summary
from dashboard.components.classes import EXTREMES, extremes_note, select_extremes
from tests.dashboard.reading import table
from tests.seeded import record_adapters


def classes(number, **columns):
    labels = [f"class {place}" for place in range(number)]
    return pd.DataFrame({"label": labels, "f1": np.arange(number)[::-1] / 100, "support": 50} | columns)


def test_few_classes_keep_their_order():
    few = classes(20)
    assert select_extremes(few, "f1")["label"].tolist() == few["label"].tolist()
    assert extremes_note(20, 20) == ""


def test_of_many_classes_the_lowest_and_the_highest_are_selected():
    drawn = select_extremes(classes(150), "f1")
    assert drawn["f1"].tolist() == [place / 100 for place in (*range(EXTREMES), *range(140, 150))]


def test_of_many_classes_undefined_and_unreliable_ones_are_omitted():
    frame = classes(77)
    frame.loc[0, "f1"], frame.loc[1, "support"] = np.nan, 3
    assert not {"class 0", "class 1"} & set(select_extremes(frame, "f1")["label"])


def test_class_search_shows_the_numbers_of_the_matching_class(store, open_page):
    first, second = record_adapters(store, 2 * EXTREMES + 5, 0.9, 0.4)
    change = class_changes(second, first).iloc[-1]
    compared = table(open_page("compare", run=second, against=first, find=change["label"]), "F1, points")
    assert compared["class"].tolist() == [change["label"]]
    assert compared["F1, points"].tolist() == [change["f1"]]
    length = length_summary(data.run(first).dataset_id).iloc[-1]
    lengths = table(open_page("data", run=first, find=length["label"]), "median")
    assert lengths.iloc[0].tolist() == length.tolist()
