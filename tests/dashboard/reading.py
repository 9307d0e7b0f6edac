"""What a page shows, and its buttons, as a test finds them."""

import pandas as pd

from core.store.queries import predictions


def listed(app):
    """Return the list of examples that is shown; empty where there is none."""
    shown = [table.value for table in app.dataframe if {"text", "true"} <= set(table.value.columns)]
    return shown[0] if shown else pd.DataFrame(columns=["text", "true", "predicted"])


def table(app, column):
    return next(element.value for element in app.dataframe if column in element.value.columns)


def facts(app):
    return dict(table(app, "what it is").iloc[:, :2].itertuples(index=False, name=None))


def example_of(store, run, text):
    frame = predictions(store, run)
    return int(frame.loc[frame["text"] == text, "example_id"].iloc[0])


def button(app, label):
    return next(one for one in app.button if one.label == label)
