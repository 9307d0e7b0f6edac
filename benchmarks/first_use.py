"""How long a new user waits for the help, the first run and the first page.

    .venv/bin/python -m benchmarks.first_use

On a shared machine only ratios are meaningful: each time is compared with a reference measured in alternation.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def run_python(*arguments: str) -> str:
    """Run Python in the project's root folder and return its output."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout + done.stderr


def time_help() -> None:
    """Compare the time of `runner.py --help` with that of an empty Python: alternating, the minimum of seven each."""
    pairs = [(timed(lambda: run_python("-c", "")), timed(lambda: run_python("runner.py", "--help"))) for _ in range(7)]
    empty, project = (min(column) for column in zip(*pairs, strict=True))
    print(f"runner.py --help     {project:6.2f} s   {project / empty:5.1f} × an empty Python ({empty:.2f} s)")


def time_first_run() -> None:
    """Compare the time of the README's first run, in an empty database, with that of its imports."""
    imports = timed(lambda: run_python("-c", "import torch, transformers, peft, sklearn"))
    with tempfile.TemporaryDirectory() as folder:
        output = ""

        def run() -> None:
            nonlocal output
            output = run_python("runner.py", "--r", "8", "--epochs", "2", "--db", f"{folder}/runs.db")

        whole = timed(run)
    training = re.search(r"lora-r8: LoRA.*trained in ([^\n]+)", output, re.DOTALL)
    assert training is not None
    print(f"the first run        {whole:6.1f} s   {whole / imports:5.1f} × the imports ({imports:.1f} s)")
    print(f"  its training       {training.group(1)}")


def time_first_page() -> None:
    """Compare the time of the first page in a browser, once the server is up, with that of an empty Streamlit page."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        empty_page = Path(folder) / "empty.py"
        empty_page.write_text("import streamlit as st\nst.title('Runs')\n")
        times = {}
        for name, script in (("empty", empty_page), ("project", ROOT / "dashboard" / "Home.py")):
            port = free_port()
            server = serve(script, port)
            page = browser.new_page()
            times[name] = timed(partial(open_first_page, page, port))
            server.terminate()
            server.wait()
        browser.close()
    project, empty = times["project"], times["empty"]
    print(f"the first page       {project:6.2f} s   {project / empty:5.1f} × an empty Streamlit page ({empty:.2f} s)")


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve(script: Path, port: int, database: str | None = None) -> subprocess.Popen[bytes]:
    """Start a Streamlit server, of a database if one is given, and return it once it is up."""
    options = ["--server.headless=true", f"--server.port={port}", "--browser.gatherUsageStats=false"]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *options],
        cwd=ROOT,
        env=ENVIRONMENT | ({"RUNS_DB": database} if database else {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health"):  # nosec B310  # the server that was started here
                return server
        except OSError:
            time.sleep(0.1)


def open_first_page(page: Page, port: int) -> None:
    """Open the first page and wait for its title and the end of its script."""
    page.goto(f"http://127.0.0.1:{port}")
    page.get_by_role("heading", name="Runs").first.wait_for()
    page.get_by_test_id("stStatusWidget").wait_for(state="hidden")


if __name__ == "__main__":
    time_help()
    time_first_page()
    time_first_run()
