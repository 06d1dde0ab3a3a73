"""The page in a real browser: a recorded run, and one that goes on."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cosim.live.server import PageServer
from cosim.live.stage import recorded as recorded_stage
from cosim.recording import read_manifest, read_table
from tests.e2e.browser import (
    address_of,
    keep_picture,
    needs_chromium,
    open_page,
)
from tests.e2e.conftest import run_cosim
from tests.runs import run_scenario

pytestmark = needs_chromium

# A short piece of a drive with a warning and changes of cell in it.
BRAKES = "events=[{at_s: 3, brake: {vehicle: lead, deceleration_mps2: 8}}]"
SCENARIO = ["highway_brake", "--set", "duration_s=12", "--set", BRAKES]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a page."""
    out = tmp_path_factory.mktemp("runs") / "recorded"
    done = run_cosim("run", *SCENARIO, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_a_recorded_run_is_watched_with_the_keyboard(
    browser: Browser, recorded: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    asked_for: list[str] = []
    broken: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.on("pageerror", lambda error: broken.append(str(error)))
    url = address_of(start_cosim("watch", recorded, "--port", 0))
    open_page(page, url)

    first = _ego_x_m(page)
    page.wait_for_function("x => roadScene.users[1] > x + 10", arg=first)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause, go on")).to_contain_text("play_arrow")
    time.sleep(0.3)
    before = _clock(page).inner_text()
    paused_s, paused_x_m = _shown_s(page), _ego_x_m(page)
    time.sleep(0.7)
    assert _ego_x_m(page) == paused_x_m
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("x => roadScene.users[1] > x", arg=paused_x_m)
    expect(_clock(page)).not_to_have_text(before)
    assert _shown_s(page) == pytest.approx(paused_s + 1.0, abs=0.15)

    page.keyboard.press("End")
    expect(page.get_by_text("12.0 of 12.0 s")).to_be_visible()
    decision = page.get_by_role("row").filter(has_text="emergency_brake_warning").first
    decision.press("Enter")
    why = page.get_by_role("dialog")
    expect(why).to_contain_text("wants to brake")
    at_s = re.match(r"\s*([\d.]+) s", why.inner_text())
    assert at_s is not None
    told = run_cosim("why", recorded, "--at", at_s.group(1)).stdout
    assert told.strip() in why.inner_text()

    assert broken == []
    # It works offline: nothing is loaded from elsewhere.
    own = (url, url.replace("http", "ws"), "blob:", "data:")
    assert [address for address in asked_for if not address.startswith(own)] == []
    page.close()


def test_lights_and_packets_are_drawn_as_recorded(browser: Browser, tmp_path: Path) -> None:
    run_scenario("green_wave", tmp_path / "run", "duration_s=18", "expect={}")
    with PageServer(stage := recorded_stage(tmp_path / "run"), port=0) as server:
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        open_page(page, server.url)
        page.keyboard.press("End")
        expect(page.get_by_text("18.0 of 18.0 s")).to_be_visible()
        ego = stage.timeline.number_of("ego")
        packets = stage.timeline.air(stage.timeline.frame(18.0), ego, 0.6).packets
        drawn = [int(((packets[:, 2] == down) & (packets[:, 4] == 0)).sum()) for down in (0, 1)]
        assert min(drawn) > 0
        page.wait_for_function(
            "counts => counts.every((count, kind) => "
            "roadScene.packets.kinds[kind].geometry.attributes.position.count === count)",
            arg=drawn,
        )
        lights = read_table(tmp_path / "run", "traffic_lights").groupby("id")["state"].last()
        heads = stage.layout.content["signals"]["heads"]
        lit = [lights[light][link].lower() for light, link, *_ in heads]
        assert page.evaluate("roadScene.signals.shown") == lit
        assert {"r", "y", "g"} == set(lit)
        keep_picture(page, "lights, chase")
        page.keyboard.press("2")
        page.keyboard.press("l")
        page.wait_for_timeout(1000)
        keep_picture(page, "packets, top, dark")
        page.close()


@pytest.mark.slow
def test_pages_come_and_go_and_leave_the_run_as_it_was(
    browser: Browser, recorded: Path, tmp_path: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    out = tmp_path / "shown"
    process = start_cosim("run", *SCENARIO, "--out", out, "--live", "--port", 0, "-q")
    url = address_of(process)
    first, second, third = (browser.new_page() for _ in range(3))
    open_page(first, url)
    before = _ego_x_m(first)
    first.wait_for_function("x => roadScene.users[1] > x + 5", arg=before)
    open_page(second, url)
    first.close()
    # The third is cut off in the middle of it all.
    third.goto(url)
    third.context.set_offline(True)
    third.evaluate("window.socket?.io.engine.close()")
    expect(second.get_by_text("the run has ended")).to_be_visible(timeout=60_000)
    for page in (second, third):
        page.close()
    assert process.wait(timeout=60) == 0
    assert read_manifest(out)["digest"] == read_manifest(recorded)["digest"]


def test_people_hold_a_run_and_bring_things_into_it(
    browser: Browser, tmp_path: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    out = tmp_path / "touched"
    # What it expects holds with both cells on the air.
    unasked = ("--set", "expect={}")
    process = start_cosim("run", *SCENARIO, *unasked, "--out", out, "--live", "--port", 0, "-q")
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    open_page(page, address_of(process))
    page.keyboard.press("Space")
    expect(page.get_by_text("paused", exact=True)).to_be_visible()
    expect(_clock(page)).to_have_text(re.compile(r"^([\d.]+) of \1 s$"))
    held_s = _shown_s(page)
    time.sleep(0.7)
    assert _shown_s(page) == held_s
    page.keyboard.press("ArrowRight")
    expect(_clock(page)).to_have_text(f"{held_s + 0.1:.1f} of {held_s + 0.1:.1f} s")

    page.keyboard.press("=")
    expect(page.get_by_text("2 ×")).to_be_visible()
    page.keyboard.press("-")
    expect(page.get_by_text("1 ×")).to_be_visible()

    page.get_by_role("button", name="off the air").click()
    page.get_by_label("Cell or site").click()
    page.get_by_role("option", name="east", exact=True).click()
    page.get_by_label("of [%]").fill("150")
    page.get_by_role("button", name="load burst").click()
    page.keyboard.press("Space")
    rows = page.get_by_role("row")
    expect(rows.filter(has_text="cell_outage")).to_contain_text("cell west")
    expect(rows.filter(has_text="load_burst")).to_contain_text("cell east, prb_utilisation 1.5")
    expect(rows.filter(has_text=re.compile("handover.*west/", re.S)).first).to_be_visible()
    time.sleep(2.0)
    keep_picture(page, "outage and load burst")
    page.close()
    assert process.wait(timeout=90) == 0
    manifest = read_manifest(out)
    assert manifest["injected"] is True
    outage, burst = manifest["scenario"]["network"]["impairments"]
    assert (outage["kind"], outage["cell"]) == ("cell_outage", "west")
    assert (burst["kind"], burst["cell"], burst["prb_utilisation"]) == ("load_burst", "east", 1.5)
    # No later than what it was brought in after: the run was held.
    assert outage["from_s"] == pytest.approx(held_s + 0.1, abs=0.1)
    packets = read_table(out, "packets").query("fate == 'delivered' and downlink_cell != ''")
    late_ms = (packets["ended_ns"] - packets["sent_ns"]) * 1e-6
    before = packets["ended_ns"] * 1e-9 < burst["from_s"]
    assert late_ms[~before].median() > 2 * late_ms[before].median()


def test_other_machines_need_the_token(
    recorded: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    url = address_of(start_cosim("watch", recorded, "--port", 0, "--host", "127.0.0.1"))
    assert "?token=" in url
    with urllib.request.urlopen(url) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(url.partition("?")[0])
    refused.value.close()


def test_a_port_in_use_is_told_in_a_line(
    recorded: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    url = address_of(start_cosim("watch", recorded, "--port", 0))
    port = url.rstrip("/").rpartition(":")[2]
    done = run_cosim("watch", recorded, "--port", port)
    assert done.returncode == 2
    assert re.fullmatch(rf"cosim: .*--port {port}: .*in use.*\n", done.stderr)


def _ego_x_m(page: Page) -> Any:
    """Where the first one in the picture is, which is the ego."""
    return page.evaluate("roadScene.users[1]")


def _clock(page: Page) -> Locator:
    return page.get_by_text(re.compile(r"^[\d.]+ of [\d.]+ s$"))


def _shown_s(page: Page) -> float:
    return float(_clock(page).inner_text().split()[0])
