"""No page has serious findings of axe-core, in either theme."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.browsing import needs_chromium

pytestmark = needs_chromium


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", ["", "run", "compare", "failures", "data", "try"], ids=lambda page: page or "runs")
def test_page_has_no_serious_findings(page, theme, dashboard, seeded, visit):
    visitor = visit(dashboard)
    visitor.page.emulate_media(color_scheme=theme)
    visitor.open(f"{page}?run={seeded.lora}&against={seeded.tfidf}")
    violations = Axe().run(visitor.page).response["violations"]
    serious = [rule for rule in violations if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], node["html"]) for rule in serious for node in rule["nodes"]] == []
