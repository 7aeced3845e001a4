"""Measures the pages of `tidemark browse` in a browser: the first paint, the first results, typing, memory.

`python -m bench.paging DIRECTORY` serves a repository as if it were in S3, and prints the address.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import Figure, at_most, plain
from bench.finding import ABSENT, COMMON, RARE, TIDEMARK
from bench.measure import REMOTE, FarStore
from tidemark.aws.clock import utc_now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_RUNS = 5
_START_SECONDS = 3  # in which the server imports what pages need; a reader takes longer to type
_LOCAL_MS, _REMOTE_MS = 300, 800  # for the first paint and the first results
_MEMORY_MB = 300
_LONGEST_PAUSE_MS = 100  # of the page while its reader types
_TYPED = "invoice quarterly lighthouse"
# Records the longest time between two frames, which is the time for which the page does not react.
_WATCH_FRAMES = """() => {
  window.longest = 0; let last = performance.now();
  const frame = (now) => { window.longest = Math.max(window.longest, now - last); last = now;
    requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
_TIMES = """() => ({
  paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
  results: window.results ?? null,
})"""
# The time at which the first row is in the page; runs before the page's own scripts.
_WATCH_ROWS = """new MutationObserver((_, observer) => {
  if (document.querySelector('.found .row, .dir .row, .end .nothing, .result')) {
    window.results = performance.now(); observer.disconnect();
  }
}).observe(document, {childList: true, subtree: true});"""


def figures(repository: Path) -> Iterator[Figure]:
    """Yield the times of pages on a repository in a directory, and as if it were in S3."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        yield plain("pages", "not measured: no browser is installed")
        return
    local = [TIDEMARK, "browse", "--json", "--port", "0", "--repository", repository.as_uri()]
    remote = [sys.executable, "-m", "bench.paging", str(repository)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for where, command, limit in (("", local, _LOCAL_MS), (f", {REMOTE}", remote, _REMOTE_MS)):
            with _served(command) as (process, address):
                yield from _times(browser, address, where, limit)
                yield from _typing(browser, address, where)
                yield from _sums(browser, address, where)
                memory = _peak_mb(process.pid)
                yield at_most(f"memory of the server after all pages{where}", memory, _MEMORY_MB, " MB", 0)
        browser.close()


def _times(browser: Browser, address: str, where: str, limit: float) -> Iterator[Figure]:
    origin = address.partition("/enter")[0]
    page = _admitted(browser, address)
    for what, path in {
        f"a rare text, `{RARE}`": f"/find?q={RARE}",
        f"a common text, `{COMMON}`": f"/find?q={COMMON}",
        f"an absent text, `{ABSENT}`": f"/find?q={ABSENT}",
        "the root in Browse": "/browse",
        "the treemap of the root": "/usage",
    }.items():
        first = _opened(page, origin + path)  # the server has read nothing that this page needs
        later = [_opened(page, origin + path) for _ in range(_RUNS)]
        paint = statistics.median(each["paint"] for each in [first, *later])
        again = statistics.median(each["results"] for each in later)
        yield at_most(f"{what}: first paint{where}", paint, limit, " ms", 0)
        text = f"{what}: first results{where} (again: {again:.0f} ms)"
        yield at_most(text, first["results"], limit, " ms", 0)


def _sums(browser: Browser, address: str, where: str) -> Iterator[Figure]:
    """Yield the time of sums that read columns of the whole index, which take the most memory."""
    page = _admitted(browser, address)
    for by in ("ext", "age"):
        begun = time.monotonic()
        page.goto(f"{address.partition('/enter')[0]}/usage?by={by}")
        page.wait_for_selector("h2:has-text('Largest files')")
        took = time.monotonic() - begun
        yield plain(f"sums by {by} and the largest files, with progress{where}", f"{took:.1f} s")


def _typing(browser: Browser, address: str, where: str) -> Iterator[Figure]:
    page = _admitted(browser, address)
    page.wait_for_selector("#q")
    page.evaluate(_WATCH_FRAMES)
    page.locator("#q").press_sequentially(_TYPED, delay=60)
    page.wait_for_selector(".end")
    paused = page.evaluate("window.longest")
    yield at_most(f"longest pause while typing{where}", paused, _LONGEST_PAUSE_MS, " ms", 0)


def _admitted(browser: Browser, address: str) -> Page:
    # Playwright waits with scripts, which the pages do not allow.
    page = browser.new_context(bypass_csp=True).new_page()
    page.add_init_script(_WATCH_ROWS)
    page.goto(address)
    page.wait_for_url("**/find")
    return page


def _opened(page: Page, address: str) -> dict[str, Any]:
    page.goto(address)
    page.wait_for_function("window.results !== undefined")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    times: dict[str, Any] = page.evaluate(_TIMES)
    return times


@contextlib.contextmanager
def _served(command: list[Any]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = json.loads(process.stdout.readline())["url"]
            time.sleep(_START_SECONDS)
            yield process, address
        finally:
            process.terminate()


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Serve a repository with the latency of S3."""
    from tidemark.web.server import serving
    from tidemark.web.source import Source

    directory = Path(sys.argv[1])
    source = Source(FarStore(directory), connection=None, repository_url=directory.as_uri(), now=utc_now)
    with serving(source, 0) as guard:
        print(json.dumps({"url": guard.address}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
