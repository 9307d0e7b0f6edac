"""The report of selected and compared runs is offered for download, and written on demand."""

import pytest

from dashboard import data


def offers_report(app):
    return {"report html", "report md"} <= {button.proto.id.rpartition("-")[2] for button in app.get("download_button")}


def test_selected_runs_offer_a_report(seeded, open_runs):
    assert offers_report(open_runs(chosen=f"{seeded.lora},{seeded.failed}"))
    assert not offers_report(open_runs(chosen=seeded.failed))


def test_compared_runs_offer_a_report(seeded, open_page):
    assert offers_report(open_page("compare", run=seeded.lora, against=seeded.tfidf))


@pytest.mark.parametrize(("form", "start"), [("html", "<!DOCTYPE html>"), ("md", "# movie-reviews")])
def test_report_names_the_runs(form, start, seeded):
    text = data.report([seeded.lora, seeded.tfidf], form)
    assert text.startswith(start)
    assert f"#{seeded.lora} lora-r8" in text.replace("\\", "")
