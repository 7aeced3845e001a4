"""A real browser for tests: Debian's Chromium or Google Chrome, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Start a headless browser. Skips the test if none is installed, but fails it in CI."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        message = f"no browser is installed, looked for {', '.join(PROGRAMS)}; apt install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    # Chromium's own sandbox does not work for root, who runs the tests in containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Reader:
    """A browser window of an admitted reader. It records errors and requests to other servers."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        self.context.set_default_timeout(30_000)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)
        self.origin = address.partition("/enter")[0]
        self.page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(self.origin)
                else self.problems.append(f"request to {request.url}")
            ),
        )
        self.page.goto(address)
        self.page.wait_for_url("**/find")

    def _note(self, message: ConsoleMessage) -> None:
        # htmx reports as errors that a request was replaced by that of the next key.
        if message.type == "error" and not message.text.startswith(("htmx:afterRequest", "htmx:sendAbort")):
            self.problems.append(message.text)

    def open(self, address: str) -> Page:
        """Open a page and wait until it is complete."""
        self.page.goto(f"{self.origin}{address}", wait_until="load")
        expect(self.page.locator(".htmx-request, [hx-trigger=load]")).to_have_count(0)
        return self.page

    def violations(self) -> list[str]:
        """Return what axe finds wrong with the page: rule, and the elements."""
        # As an expression of the debugger, because the pages allow no scripts but their own.
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def close(self) -> None:
        """Close the window."""
        self.context.close()
