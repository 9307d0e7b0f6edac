"""Few of many classes: those with the lowest and the highest values."""

import numpy as np
import pandas as pd

from dashboard.components.classes import EXTREMES, extremes_note, select_extremes


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
