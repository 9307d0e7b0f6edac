"""Find what a page shows in an AppTest."""

import pandas as pd

from core.store.queries import predictions

PAGES = {
    "runs": "Runs",
    "run": "Run",
    "compare": "Compare",
    "failures": "Failures",
    "data": "Data",
    "searches": "Searches",
    "try_it": "Try it",
}
"""The title of each page, by its folder."""


def shows_page(app, page):
    """Return whether the title is that of a page, which on the Run page is the label of the run."""
    title = app.title[0].value.replace("\\", "")
    return title == PAGES[page] or (page == "run" and title.startswith("#"))


def page_text(app):
    """Return all texts, captions, messages and code of a page, without the escapes of Markdown."""
    kinds = (app.title, app.markdown, app.text, app.caption, app.code, app.info, app.warning, app.error, app.success)
    return "\n".join(str(element.value).replace("\\", "") for kind in kinds for element in kind)


def listed(app):
    """Return the list of examples that is shown; empty where there is none."""
    shown = [table.value for table in app.dataframe if {"text", "true"} <= set(table.value.columns)]
    return shown[0] if shown else pd.DataFrame(columns=["text", "true", "predicted"])


def table(app, column):
    return next(element.value for element in app.dataframe if column in element.value.columns)


def facts(app):
    return dict(table(app, "description").iloc[:, :2].itertuples(index=False, name=None))


def example_of(store, run, text):
    frame = predictions(store, run)
    return int(frame.loc[frame["text"] == text, "example_id"].iloc[0])


def button(app, label):
    return next(button for button in app.button if button.label == label)
