"""The beam explorer in a real browser: a newcomer's first minute, and how long the page keeps its thread.

python eval/explorer.py runs/demo     # needs Chromium and playwright; table and JSON to eval/results/explorer

first beam   from `genret serve RUN` to a drawn beam in an opened page: a new process, a new browser, the first search
long tasks   the longest stretch in which the page answers nothing, while a beam of 200 nodes and more is drawn, as it
             is searched for, as all branches are shown, and as the window changes its width: by the clock, and in
             processor time of the page's own thread, which other work on the machine does not lengthen
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from script import RESULTS, run_script, write_results

from genret.ground.errors import GenretError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WAIT = 180.0
NODES = 200
STILL = 1000
"""Milliseconds after which nothing more is expected to happen."""
TRACED = ["disabled-by-default-devtools.timeline"]
"""What of the browser's trace holds one event per task."""


def measure(run: Path, query: str) -> dict[str, Any]:
    """What one server and one browser show."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise GenretError("no Chromium here; install it: apt-get update && apt-get install -y chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        log = Path(folder) / "log"
        started = time.perf_counter()
        command = [sys.executable, "-m", "genret", "serve", str(run), "--port", "0"]
        with open(log, "wb") as file:
            server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            browser = driver.chromium.launch(executable_path=path, args=FLAGS)
            found = {"first_beam_s": _first_beam(browser, _address(server, log), query, started)}
            return {**found, **_long_tasks(browser, _address(server, log), query)}
        finally:
            server.terminate()
            server.wait(WAIT)


def _first_beam(browser: Browser, address: str, query: str, started: float) -> dict[str, float]:
    """Seconds from the start until the server said where it listens, and until a beam was drawn."""
    listening = time.perf_counter() - started
    page = browser.new_page()
    page.set_default_timeout(1000 * WAIT)
    page.goto(f"{address}/")
    page.locator("#q").fill(query)
    page.wait_for_selector("body:not(.busy) .pill")
    drawn = time.perf_counter() - started
    page.close()
    return {"listening": round(listening, 2), "drawn": round(drawn, 2)}


def _long_tasks(browser: Browser, address: str, query: str) -> dict[str, Any]:
    """Of each thing that one does with a large beam: the longest task by the clock and in processor time, and the
    processor time of all, in ms."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(1000 * WAIT)
    watch = Watch(browser, page)
    watch.open(f"{address}/")
    tasks = {"search as one types": watch.during(lambda: page.locator("#q").fill(query))}
    watch.open(f"{address}/?b=100&k=50")
    tasks["a beam of 100, 50 products"] = watch.during(lambda: page.locator("#q").fill(query))
    tasks["all branches"] = watch.during(lambda: page.locator(".more").click())
    nodes = page.locator(".pill").count()
    tasks["another width"] = watch.during(lambda: page.set_viewport_size({"width": 700, "height": 1000}))
    page.close()
    if nodes < NODES:
        raise GenretError(f"the beam of {query!r} has {nodes} nodes; expected {NODES} or more: give another --query")
    return {"nodes": nodes, "tasks_ms": tasks}


class Watch:
    """A page, and how long its thread is busy."""

    def __init__(self, browser: Browser, page: Page) -> None:
        self._browser, self._page = browser, page

    def open(self, address: str) -> None:
        """Go there, and wait until the page is ready to search."""
        self._page.goto(address)
        self._page.wait_for_selector("#welcome h2")
        self._page.wait_for_timeout(STILL)

    def during(self, act: Callable[[], object]) -> dict[str, float]:
        """Act, and wait until a beam is drawn and the page is still."""
        self._browser.start_tracing(page=self._page, categories=TRACED)
        act()
        self._page.wait_for_timeout(STILL)
        self._page.wait_for_selector("body:not(.busy) .pill")
        self._page.wait_for_selector(".beam[aria-busy]", state="detached")
        self._page.wait_for_timeout(STILL)
        events = json.loads(self._browser.stop_tracing())["traceEvents"]
        main = {(e["pid"], e["tid"]) for e in events if e.get("args", {}).get("name") == "CrRendererMain"}
        tasks = [e for e in events if e["name"] == "RunTask" and (e["pid"], e["tid"]) in main]
        clock, processor = ([one.get(kind, 0) / 1000 for one in tasks] for kind in ("dur", "tdur"))
        return {"clock": round(max(clock), 1), "processor": round(max(processor), 1), "all": round(sum(processor), 1)}


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    end = time.perf_counter() + WAIT
    while time.perf_counter() < end and server.poll() is None:
        line = log.read_text(encoding="utf-8").partition("\n")[0]
        if line.startswith("http://"):
            return line.split()[0].rstrip("/")
        time.sleep(0.02)
    raise GenretError(f"the server never said where it listens: {log.read_text(encoding='utf-8')[-500:]}")


def report(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    first, tasks = found["first_beam_s"], found["tasks_ms"]
    lines = [
        "| from `genret serve RUN` | seconds |",
        "|---|---:|",
        f"| until it says where it listens | {first['listening']} |",
        f"| until a browser has drawn the first beam | {first['drawn']} |",
        "",
        f"| a beam of {found['nodes']} nodes | longest task, ms | the longest in processor time, ms | all tasks, ms |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {one['clock']} | {one['processor']} | {one['all']} |" for name, one in tasks.items()),
        "",
        f"{found['machine']['processor']}, {found['machine']['cores']} cores, load {found['machine']['load']}.",
    ]
    return "\n".join(lines)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--query", default="marinara sauce", show_default=True)
@click.option("--out", default=RESULTS / "explorer", type=click.Path(path_type=Path), show_default=True)
def main(run: Path, query: str, out: Path) -> None:
    """Measure the explorer of RUN, and write OUT/explorer.md and OUT/explorer.json."""
    found = measure(run, query)
    processor = platform.processor() or platform.machine()
    found["machine"] = {"load": round(os.getloadavg()[0], 1), "cores": os.cpu_count(), "processor": processor}
    write_results(out, "explorer", found, report(found))


if __name__ == "__main__":
    run_script(main)
