"""No page has serious findings of axe-core, in either theme."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from core.store.engine import open_store
from core.store.queries import predictions
from tests.e2e.browsing import needs_chromium

pytestmark = needs_chromium


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", ["", "run", "compare", "failures", "data", "try"], ids=lambda page: page or "runs")
def test_page_has_no_serious_findings(page, theme, dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.page.emulate_media(color_scheme=theme)
    example = predictions(open_store(str(seeded.database)), seeded.tfidf)["example_id"].iloc[0]
    opened = {"": f"&chosen={seeded.lora}", "failures": f"&example={example}&weights=true", "try": "&text=A film."}
    visitor.open(f"{page}?run={seeded.tfidf}&against={seeded.lora}&beside={opened.get(page, '')}")
    if page == "try":
        assert visitor.wait_for_text("Calibrated with")
    visitor.page.wait_for_timeout(1000)  # new elements fade in
    visitor.settle()
    background = visitor.page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 30)"}[theme]
    violations = Axe().run(visitor.page).response["violations"]
    serious = [rule for rule in violations if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], node["html"]) for rule in serious for node in rule["nodes"]] == []
