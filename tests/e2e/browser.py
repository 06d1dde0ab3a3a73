"""A real browser on the page of a command, for the tests."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", "runs/screenshots"))
_READY_MS = 60_000
# A browser that draws by processor alone beside a run is slow to answer.
expect.set_options(timeout=30_000)


@contextmanager
def headless_browser() -> Iterator[Browser]:
    """A headless browser that draws WebGL without a GPU."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        yield browser
        browser.close()


def address_of(process: Popen[str]) -> str:
    """Where a command says that its page is."""
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://\S+", line)
    assert found is not None, line + process.stderr.read()
    return found.group()


def open_page(page: Page, url: str) -> None:
    """Open it, and wait until it shows the picked vehicle."""
    page.goto(url)
    page.wait_for_function("window.roadScene?.users && roadScene.ring.visible", timeout=_READY_MS)


def keep_picture(page: Page, name: str) -> None:
    """Keep what a page looks like, for people: in `$SCREENSHOTS`, or in `runs/screenshots`."""
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
