"""Draws `docs/page.png`, the page of `cosim watch`: python docs/pictures/make_page.py.

Needs Debian's chromium and what the tests need.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from cosim.live.server import PageServer
from cosim.live.stage import recorded
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario

_OUT = Path(__file__).parents[1] / "page.png"
_SIZE = {"width": 1440, "height": 810}
_DURATION_S = 40


@contextmanager
def headless_page(*, scale: int = 1) -> Iterator[Page]:
    """A page of a browser that draws WebGL without a GPU."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = browser.new_page(viewport=_SIZE, device_scale_factor=scale)
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def main() -> None:
    """Run a scenario, open the page at its end and write what it looks like."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = load_scenario(find_scenario("city_grid"), [f"duration_s={_DURATION_S}"])
        run(scenario, Path(folder) / "run")
        with (
            PageServer(recorded(Path(folder) / "run"), port=0) as server,
            # Without a GPU the page doesn't smooth edges: twice as large, and halved.
            headless_page(scale=2) as page,
        ):
            page.goto(server.url)
            page.wait_for_function("window.roadScene?.users")
            page.keyboard.press("End")
            page.wait_for_function("roadScene.ring.visible")
            page.wait_for_timeout(3000)
            page.screenshot(path=_OUT)
    with Image.open(_OUT) as large:
        large.resize((_SIZE["width"], _SIZE["height"]), Image.Resampling.BOX).save(
            _OUT, optimize=True
        )


if __name__ == "__main__":
    main()
