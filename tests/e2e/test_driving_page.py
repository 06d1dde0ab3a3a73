"""Driving in a real browser: by keys, a gamepad or a wheel, in the car and from afar."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from cosim.recording import read_manifest, read_table
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from tests.e2e.browser import (
    address_of,
    keep_picture,
    needs_chromium,
    open_page,
)

pytestmark = needs_chromium

X_M = "roadScene.users[roadScene.place.get(roadScene.picked) + 1]"
HEADING = "roadScene.users[roadScene.place.get(roadScene.picked) + 4]"
# Gamepads that nobody has plugged in.
PADS = """
window.pads = [];
navigator.getGamepads = () => window.pads;
window.plug = (index, mapping, axes, pressed) => {
    const buttons = Array.from({length: 17}, (_, i) => ({value: pressed[i] ?? 0}));
    window.pads[index] = {index, mapping, axes, buttons, connected: true};
};
"""


def test_a_person_drives_in_the_browser(
    browser: Browser, tmp_path: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    out = tmp_path / "driven"
    process = start_cosim("drive", "highway_brake", "--record", out, "--port", 0)
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    open_page(page, address_of(process))
    assert page.evaluate(HEADING) == pytest.approx(0.0, abs=0.01)
    page.keyboard.down("w")
    page.keyboard.down("a")
    expect(page.get_by_text(re.compile("throttle 100%, brake 0%, left 100%"))).to_be_visible()
    page.wait_for_function(f"{HEADING} > 0.03", timeout=60_000)
    # P holds the drive, and so the car.
    page.keyboard.press("p")
    expect(page.get_by_text("paused")).to_be_visible()
    page.wait_for_timeout(300)
    held_at_m = page.evaluate(X_M)
    page.wait_for_timeout(500)
    assert page.evaluate(X_M) == held_at_m
    keep_picture(page, "driving, paused")
    page.keyboard.press("p")
    page.wait_for_function(f"x => {X_M} > x", arg=held_at_m)
    # Whoever looks elsewhere lets everything go.
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    expect(page.get_by_text(re.compile("throttle 0%, brake 0%, straight"))).to_be_visible()
    page.keyboard.press("Escape")
    assert process.wait(timeout=60) == 0
    page.close()
    steering = read_table(out, "inputs")["steering"]
    assert (steering.max(), steering.min(), steering.iloc[-1]) == (1.0, 0.0, 0.0)
    ego = read_table(out, "road_users").query("id == 'ego'")
    assert ego["heading_rad"].max() > 0.03
    assert ego["y_m"].iloc[-1] > ego["y_m"].iloc[0] + 0.3
    assert read_manifest(out)["people"] == ["ego"]


def test_a_gamepad_and_a_wheel_drive_in_the_browser(
    browser: Browser, tmp_path: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    out = tmp_path / "driven"
    process = start_cosim("drive", "highway_brake", "--record", out, "--port", 0)
    page = browser.new_page(viewport={"width": 640, "height": 400})
    page.add_init_script(PADS)
    open_page(page, address_of(process))

    page.evaluate("plug(0, 'standard', [0.06, 0, 0, 0], {})")
    page.evaluate("plug(0, 'standard', [-0.55, 0, 0, 0], {7: 0.6})")
    expect(page.get_by_text("throttle 58%, brake 0%, left 50%")).to_be_visible()
    page.wait_for_function(f"{HEADING} > 0.03", timeout=60_000)
    # Unplugged, it drives no more; the keyboard does, and a wheel from its first move on.
    page.evaluate("pads[0] = null")
    expect(page.get_by_text("throttle 0%, brake 0%, straight")).to_be_visible()
    page.keyboard.down("w")
    page.evaluate("plug(1, '', [0, 0, 0, 0], {})")
    expect(page.get_by_text("throttle 100%, brake 0%, straight")).to_be_visible()
    page.evaluate("plug(1, '', [0.1, 0, 1, -0.9], {5: 1})")
    expect(page.get_by_text("throttle 0%, brake 95%, right 10%")).to_be_visible()
    expect(page.get_by_text(re.compile(r"km/h\s+R"))).to_be_visible()
    # Whoever looks elsewhere lets go of it, too.
    page.evaluate("document.hasFocus = () => false")
    expect(page.get_by_text("throttle 0%, brake 0%, straight")).to_be_visible()
    page.keyboard.press("Escape")
    assert process.wait(timeout=60) == 0
    page.close()
    inputs = read_table(out, "inputs")
    pad = inputs[inputs["steering"] == 0.5].iloc[0]
    wheel = inputs[inputs["steering"] == -0.1].iloc[0]
    assert pad["throttle"] == pytest.approx(0.579)
    assert wheel["brake"] == pytest.approx(0.947)
    assert wheel["reverse"]
    assert not inputs["keys"][inputs["steering"] != 0.0].any()
    ego = read_table(out, "road_users").query("id == 'ego'")
    assert ego["heading_rad"].max() > 0.03


def test_pages_that_go_let_everything_go_and_the_drive_goes_on(
    browser: Browser, tmp_path: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    out = tmp_path / "driven"
    process = start_cosim("drive", "highway_brake", "--record", out, "--port", 0)
    url = address_of(process)
    first, second = (browser.new_page(viewport={"width": 640, "height": 400}) for _ in range(2))
    open_page(first, url)
    first.keyboard.down("w")
    expect(first.get_by_text("throttle 100%")).to_be_visible()
    # Both show the same drive, and either may drive. One is slow to get what doesn't move.
    second.route("**/layout", _late)
    open_page(second, url)
    expect(second.get_by_text("throttle 100%")).to_be_visible()
    first.close()
    expect(second.get_by_text("throttle 0%")).to_be_visible()
    second.keyboard.down("d")
    expect(second.get_by_text("right 100%")).to_be_visible()
    # Cut off, it lets go, and comes back to the drive.
    second.context.set_offline(True)
    second.evaluate("socket.io.engine.close()")
    second.keyboard.up("d")
    second.context.set_offline(False)
    expect(second.get_by_text("throttle 0%, brake 0%, straight")).to_be_visible()
    # Until the picture lost on the way is given up, nobody drives: then the key is pressed again.
    pressed = 0
    while not second.get_by_text("brake 100%").is_visible():
        if pressed % 10 == 0:
            second.keyboard.up("s")
            second.keyboard.down("s")
        pressed += 1
        assert pressed < 100
        second.wait_for_timeout(300)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    # The page keeps the last picture, and says so.
    expect(
        second.get_by_text("the drive has ended; this is the last that was shown")
    ).to_be_visible()
    assert second.evaluate("roadScene.users.length") > 0
    second.close()
    inputs = read_table(out, "inputs")
    done = inputs[["throttle", "steering", "brake"]].to_numpy().tolist()
    for held in ([1.0, 0.0, 0.0], [0.0, -1.0, 0.0]):
        assert done[done.index(held) + 1] == [0.0, 0.0, 0.0]
    assert [0.0, 0.0, 1.0] in done
    assert read_manifest(out)["complete"]


BURST = "{kind: load_burst, cell: west, from_s: 5, to_s: 7.5, prb_utilisation: 1.4}"
THROUGH_A_BURST = [f"network.impairments=[{BURST}]", "duration_s=12", "expect={}"]
# What the page shows, whenever that changes: instruments, age of the view, warnings.
WATCHER = """() => {
    window.seen = [];
    const parts = [".hud-values", "[role=timer]", "[role=alert]"];
    new MutationObserver(() => {
        seen.push(parts.map((part) => {
            const found = document.querySelector(part);
            return found.checkVisibility() ? found.innerText : "";
        }));
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
LOST = "connection lost: the car stops by itself"


def test_from_afar_the_page_shows_the_view_s_age_as_the_link_makes_it(
    browser: Browser, tmp_path: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    out = tmp_path / "afar"
    changed = [part for override in THROUGH_A_BURST for part in ("--set", override)]
    process = start_cosim(
        "drive", "remote_drive_full_cell", "--remote", *changed, "--record", out, "--port", 0
    )
    page = browser.new_page(viewport={"width": 800, "height": 500})
    open_page(page, address_of(process))
    page.evaluate(WATCHER)
    page.keyboard.down("w")
    expect(page.get_by_text("at the car, now")).to_be_visible()
    # The picture freezes in the burst; beside it the car drives on.
    expect(page.get_by_text(LOST)).to_be_visible()
    apart_m = f"{_x_m('insetScene')} - {_x_m('roadScene')}"
    page.wait_for_function(f"{apart_m} > 3", timeout=60_000)
    keep_picture(page, "driving from afar")
    assert process.wait(timeout=120) == 0
    seen = _seen(page)
    page.close()

    frames = read_table(out, "frames").dropna(subset="glass_to_glass_ms")
    captured_s = frames["time_s"].to_numpy()
    on_screen_s = captured_s + frames["glass_to_glass_ms"].to_numpy() * 1e-3
    assert len(seen) > 40
    for at_s, age_s, _ in seen:
        # Shown to 10 ms and to 1 ms, which is all of it; pictures are 40 ms apart.
        (taken,) = np.flatnonzero(np.abs(captured_s + age_s - at_s) < 0.0056)
        newest = np.flatnonzero(on_screen_s <= captured_s[taken] + age_s + 1e-6)[-1]
        assert taken == newest
    ages_s = np.array([age_s for _, age_s, _ in seen])
    at_s = np.array([at_s for at_s, _, _ in seen])
    assert np.median(ages_s[at_s < 5.0]) < 0.1
    assert ages_s[(at_s > 5.5) & (at_s < 8.0)].max() > 0.4

    # The manoeuvre comes as with a model of a driver, without anybody.
    run(load_scenario(find_scenario("remote_drive_full_cell"), THROUGH_A_BURST), tmp_path / "model")
    begins_s, ends_s = _manoeuvre(out)
    assert (begins_s, ends_s) == pytest.approx(_manoeuvre(tmp_path / "model"), abs=0.1)
    warned_s = [at_s for at_s, _, warnings in seen if LOST in warnings]
    assert begins_s <= warned_s[0]
    assert warned_s[-1] <= ends_s + 0.1


def _late(route: Route) -> None:
    time.sleep(1.5)
    route.continue_()


def _x_m(scene: str) -> str:
    """Where the picked vehicle is in a picture, as JavaScript."""
    return f"{scene}.users[{scene}.place.get({scene}.picked) + 1]"


def _seen(page: Page) -> list[tuple[float, float, str]]:
    """Time [s], age of the view [s] and warnings, whenever the page has shown others."""
    seen: list[list[str]] = page.evaluate("seen")
    return [
        (float(values.split()[0]), float(age.split()[1]) * 1e-3, warnings)
        for values, age, warnings in seen
        if age
    ]


def _manoeuvre(run_dir: Path) -> tuple[float, float]:
    events = read_table(run_dir, "events").set_index("kind")["time_s"]
    return events["minimal_risk_manoeuvre"], events["remote_driver_back"]
