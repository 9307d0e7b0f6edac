"""Take the screenshots of the documentation from the shipped runs.

.venv/bin/python -m scripts.make_screenshots
"""

import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.first_use import CHROMIUM_FLAGS, free_port, serve
from core.store import queries
from core.store.engine import DEFAULT_DATABASE, Store, open_store

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1440, 900


def main() -> None:
    """Take a screenshot of each page, with the best adapter and the best baseline."""
    os.environ["RUNS_DB"] = str(DEFAULT_DATABASE)
    pages = page_addresses(open_store(str(DEFAULT_DATABASE)))
    IMAGES.mkdir(parents=True, exist_ok=True)
    port = free_port()
    server = serve(DEFAULT_DATABASE.parent / "dashboard" / "Home.py", port)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            for name, address in pages.items():
                page.goto(f"http://127.0.0.1:{port}/{address}")
                wait_until_drawn(page)
                page.screenshot(path=IMAGES / f"{name}.png")
            browser.close()
    finally:
        server.terminate()
        server.wait()


def page_addresses(store: Store) -> dict[str, str]:
    """Return the relative URL of each screenshot's page, by the screenshot's name."""
    runs = queries.runs(store)
    best = runs[(runs["dataset"] == "movie-reviews") & (runs["kind"] == "adapter")].nlargest(1, "macro_f1").iloc[0]
    pair = f"dataset={int(best.dataset_id)}&run={best.id}&against={int(best.baseline_id)}"
    single = f"dataset={int(best.dataset_id)}&run={best.id}"
    predictions = queries.predictions(store, int(best.id))
    wrong = predictions[predictions["label"] != predictions["predicted"]].nlargest(1, "confidence").iloc[0]
    return {
        "runs": "",
        "run": f"run?{single}",
        "compare": f"compare?{pair}",
        "failures": f"failures?{single}&example={wrong.example_id}",
        "try-it": f"try?{single}&text=A film to remember, in spite of its tired plot.",
    }


def wait_until_drawn(page: Page) -> None:
    """Wait until title and charts are drawn and the script has ended."""
    page.locator("h1").first.wait_for()
    page.wait_for_timeout(2000)
    for busy in ("stSpinner", "stStatusWidget"):
        page.get_by_test_id(busy).first.wait_for(state="hidden", timeout=120_000)
    page.wait_for_timeout(2000)


if __name__ == "__main__":
    main()
