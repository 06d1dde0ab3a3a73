"""The page: the picture with its controls, and the panel beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
from nicegui import Client, background_tasks, ui
from nicegui.events import ValueChangeEventArguments

from cosim.clock import to_s
from cosim.drive.seat import DrivingSeat
from cosim.drive.view import Look
from cosim.live.gamepad import Gamepads
from cosim.live.hud import Hud
from cosim.live.layout import SINR_DB
from cosim.live.panel import Panel
from cosim.live.player import SPEEDS, Player
from cosim.live.road_scene import VIEWS, RoadScene
from cosim.live.stage import HardBrake, Load, Outage, Stage
from cosim.live.timeline import Frame

_FRAME_S = 0.05
_PANEL_S = 0.5
_FLASH_S = 0.6
_BIG_STEPS = 10
_BRAKE_MPS2 = 8.0
# What a person may do to a cell, as the page proposes it.
_LASTS_S = 10.0
_BURST_PERCENT = 120
_MOST_PERCENT = 200
_KEYS = {
    "Space, P": "pause, go on; along with a run it is the run that pauses",
    "← →, .": "one step back, on; ten with Shift",
    "- +": "slower, faster; along with a run it is the run",
    "Home, End": "to the beginning; to the end, or along with the run",
    "1 2 3": "chase view, from the top, the whole area",
    "Z X": "nearer, farther",
    "N B": "pick the next vehicle, the one before; or click it",
    "V": "coverage on the ground",
    "L": "dark or light",
    "H": "these keys",
    "Tab": "from control to control, and through the list; Enter tells why",
}
_DRIVING = "W A S D or arrows: drive.  Q: reverse.  Space: hand brake.  P: pause.  Esc: leave."
_STYLE = """
body { margin: 0; overflow: hidden; }
.nicegui-content { padding: 0; }
.num { font-variant-numeric: tabular-nums; }
.cosim-legend { background: linear-gradient(to right, %s); }
.cosim-kind { border: 1px solid; border-radius: 4px; padding: 0 5px; margin-left: 4px; }
.cosim-kind { opacity: 0.75; }
.q-slider__thumb, .q-slider__selection { transition: none !important; }
.cosim-list td { white-space: normal !important; vertical-align: top; cursor: pointer; }
:focus-visible { outline: 2px solid #D55E00 !important; outline-offset: 1px; }
"""


class Page:
    """One person's view of a stage; each page has its own time, view and picked vehicle."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._timeline = stage.timeline
        self._player = Player(stage.timeline, stage.pace if stage.live else None)
        self._picked: int | None = None
        self._covered = False
        self._held: set[str] = set()
        self._drives = False
        """Whether anything has been done at the wheel since the last letting go."""
        self._screen = stage.screen
        self._do: dict[str, Callable[[], object]] = {
            "KeyP": self._player.toggle,
            "Period": lambda: self._player.step(self._stride()),
            "Digit1": lambda: self._view.set_value("chase"),
            "Digit2": lambda: self._view.set_value("top"),
            "Digit3": lambda: self._view.set_value("area"),
            "KeyZ": lambda: self._scene.zoom(0.8),
            "KeyX": lambda: self._scene.zoom(1.25),
            "KeyN": lambda: self._pick_next(1),
            "KeyB": lambda: self._pick_next(-1),
            "KeyV": self._cover,
            "KeyL": self._turn_light,
            "KeyH": self._open_help,
        }
        if self._screen is None:
            self._do |= {
                "Space": self._player.toggle,
                "ArrowLeft": lambda: self._player.step(-self._stride()),
                "ArrowRight": lambda: self._player.step(self._stride()),
                "Minus": lambda: self._change_speed(-1),
                "NumpadSubtract": lambda: self._change_speed(-1),
                "Equal": lambda: self._change_speed(1),
                "NumpadAdd": lambda: self._change_speed(1),
                "Home": lambda: self._player.seek(0.0),
                "End": self._player.follow,
            }

    def build(self) -> None:
        """Lay the page out and let it play."""
        scale = self._stage.layout.content["scale"]
        ui.add_css(_STYLE % ", ".join(f"rgb({r:.0%} {g:.0%} {b:.0%})" for r, g, b in scale))
        self._dark = ui.dark_mode(value=False)
        self._help = _help()
        with ui.row(wrap=False).classes("w-screen h-screen gap-0"):
            with ui.column().classes("h-full grow gap-0 min-w-0"):
                with ui.element("div").classes("relative grow w-full min-h-0"):
                    self._scene = RoadScene("layout", on_pick=self._pick, on_key=self._on_key)
                    self._build_overlay()
                self._build_controls()
            with ui.column().classes("h-full w-[24rem] 2xl:w-[30rem] shrink-0 p-3 gap-2 border-l"):
                self._panel = Panel(self._stage, self._pick)
        background_tasks.create(self._play(ui.context.client), name="play")

    def _build_overlay(self) -> None:
        card = "absolute left-3 rounded px-3 py-1 bg-white/85 dark:bg-black/70 text-sm"
        with ui.column().classes(f"{card} top-3 gap-0"):
            ui.label(self._stage.scenario.name).classes("font-bold text-base")
            self._state = ui.label().classes("num")
        if self._stage.layout.cells:
            with ui.column().classes(f"{card} bottom-3 gap-0"):
                ui.label("SINR to the serving cell [dB]; white: changing to it, orange: from it")
                ui.element("div").classes("cosim-legend h-2 w-full rounded")
                with ui.row().classes("w-full justify-between num"):
                    for level in (SINR_DB[0], sum(SINR_DB) / 2, SINR_DB[1]):
                        ui.label(f"{level:g}")
                ui.label("packets of the picked one and its neighbours: ▲ up, ■ down, ✕ lost")

        if self._stage.live:
            with ui.column().classes(f"{card.replace('left-3', 'right-3')} top-3 gap-1") as acts:
                self._build_injection()
            self._acts = acts
        if self._screen is not None:
            self._hud = Hud(remote=self._screen.remote)
            Gamepads(self._do_in_seat)

    def _build_injection(self) -> None:
        """What a person may make happen; from then on the run is no longer its scenario's."""
        names = self._stage.layout.cells
        if names:
            sites = dict.fromkeys(name.rpartition("/")[0] for name in names)
            with ui.row().classes("items-center gap-3"):
                self._cell = ui.select([*sites, *names], value=next(iter(sites)))
                self._cell.props("dense options-dense borderless aria-label='Cell or site'")
                self._lasts = _number("for", _LASTS_S, "s", least=0.1, most=3600)
            with ui.row().classes("items-center gap-3"):
                _asks("off the air", self._ask_outage)
                _asks("load burst", self._ask_load)
                self._load = _number("of", _BURST_PERCENT, "%", least=0, most=_MOST_PERCENT)
        _asks("picked one brakes", self._ask_brake)

    def _ask_outage(self) -> None:
        if (lasts_s := self._lasts.value) is not None:
            self._stage.ask(Outage(self._cell.value, lasts_s))

    def _ask_load(self) -> None:
        if (lasts_s := self._lasts.value) is not None and self._load.value is not None:
            self._stage.ask(Load(self._cell.value, self._load.value / 100, lasts_s))

    def _ask_brake(self) -> None:
        if self._picked is None:
            return
        vehicle = self._timeline.roster[self._picked].id
        if vehicle in self._stage.scenario.driven_ids:
            ui.notify("Traffic's vehicles brake; this one is driven.")
        else:
            self._stage.ask(HardBrake(vehicle, _BRAKE_MPS2))

    def _build_controls(self) -> None:
        with ui.row(wrap=False).classes("w-full items-center px-3 py-1 gap-1 border-t"):
            if self._screen is None:
                self._build_player()
            else:
                self._play_button = _button("pause", "Pause, go on (P)", self._player.toggle)
                _button("navigate_next", "One step on (.)", lambda: self._player.step(1))
                ui.label(_DRIVING).classes("grow")
            self._view = ui.toggle(list(VIEWS), value=VIEWS[0]).props("dense no-caps unelevated")
            self._view.on_value_change(lambda event: self._scene.look(event.value))
            if self._stage.layout.cells:
                _button("cell_tower", "Coverage on the ground (V)", self._cover)
            _button("contrast", "Dark or light (L)", self._turn_light)
            _button("keyboard", "Keys (H)", self._help.open)

    def _build_player(self) -> None:
        player = self._player
        newest = "Along with the run (End)" if self._stage.live else "To the end (End)"
        _button("first_page", "To the beginning (Home)", lambda: player.seek(0.0))
        _button("navigate_before", "One step back (←)", lambda: player.step(-1))
        self._play_button = _button("pause", "Pause, go on (Space)", player.toggle)
        _button("navigate_next", "One step on (→)", lambda: player.step(1))
        _button("last_page", newest, player.follow)
        self._speeds = sorted({*SPEEDS, player.speed})
        named = {speed: f"{speed:g} ×" for speed in self._speeds}
        self._speed = ui.select(named, value=player.speed)
        self._speed.props("dense options-dense borderless aria-label=Speed")
        self._speed.on_value_change(self._take_speed)
        self._slider = ui.slider(min=0, max=1, step=0.01, value=0).classes("grow mx-2")
        self._slider.props("aria-label=Time")
        self._slider.on(
            "update:model-value", lambda event: player.seek(float(event.args)), throttle=0.1
        )
        self._clock = ui.label().classes("num whitespace-nowrap mr-2")

    async def _play(self, client: Client) -> None:
        """Show frame after frame for as long as the page is open."""
        await client.connected(timeout=60.0)
        client.on_disconnect(self._let_go)
        with self._stage.open_page():
            await self._show_frames(client)

    async def _show_frames(self, client: Client) -> None:
        before_s, told_s = time.monotonic(), 0.0
        shown: tuple[float, int | None] | None = None
        while not client.is_deleted:
            now_s = time.monotonic()
            self._player.move_on(now_s - before_s)
            before_s = now_s
            self._pick_first()
            frame = self._frame()
            wanted = (frame.time_s, self._picked)
            if wanted != shown:
                lasts_s = _FLASH_S * self._player.speed
                air = self._timeline.air(frame, self._picked, lasts_s)
                in_time = await self._scene.show(frame, self._timeline.roster, self._picked, air)
                shown = wanted if in_time else shown
                if not in_time:
                    # Nobody drives blindly.
                    self._let_go()
            if self._screen is not None and self._screen.remote and (view := self._screen.view):
                here = self._frame_at(to_s(view.now_ns), view.here)
                await self._hud.show_here(here, self._timeline.roster, self._picked)
            if now_s - told_s > _PANEL_S:
                told_s = now_s
                self._panel.update(frame, self._picked)
            self._update_controls()
            await asyncio.sleep(max(_FRAME_S - (time.monotonic() - now_s), 0.005))

    def _frame(self) -> Frame:
        """What is to be seen now; of a person afar, what their picture shows."""
        if self._screen is None or (view := self._screen.view) is None:
            return self._timeline.frame(self._player.time_s)
        now_s = to_s(view.now_ns)
        if not view.remote:
            return self._frame_at(now_s, view.here)
        if view.picture is None:
            frame = self._timeline.frame(0.0)
            return frame._replace(users=frame.users[:0])
        frame = self._frame_at(now_s - view.picture_age_ms * 1e-3, view.picture)
        # What the car's sensors hadn't seen isn't in the picture.
        seen = [self._screen.user_id, *view.picture.ids]
        numbers = [n for name in seen if (n := self._timeline.number_of(name)) is not None]
        return frame._replace(users=frame.users[np.isin(frame.users[:, 0], numbers)])

    def _frame_at(self, time_s: float, look: Look | None) -> Frame:
        """Everyone at an instant that may be newer than the last that is recorded."""
        frame = self._timeline.frame_ahead(time_s)
        if look is None or self._screen is None:
            return frame
        ego, users = look.ego, frame.users.copy()
        own = users[:, 0] == self._timeline.number_of(self._screen.user_id)
        users[own, 1:6] = (ego.x_m, ego.y_m, 0.0, ego.heading_rad, ego.speed_mps)
        return frame._replace(users=users)

    def _update_controls(self) -> None:
        if self._screen is not None:
            view = self._screen.view
            driving = "paused" if self._stage.pace.held else "driving"
            state = driving if view else "waiting for the run"
            self._state.set_text(self._timeline.ended or state)
            self._show_playing()
            self._hud.update(view)
            return
        player = self._player
        first_s, last_s = self._timeline.span_s
        self._state.set_text(self._run_state())
        self._show_playing()
        if self._stage.live:
            self._acts.set_visibility(self._timeline.ended is None)
        self._speed.set_value(player.speed)
        self._clock.set_text(f"{player.time_s:.1f} of {last_s:.1f} s")
        self._slider.props["min"], self._slider.props["max"] = first_s, max(last_s, first_s + 0.01)
        self._slider.set_value(round(player.time_s, 1))

    def _run_state(self) -> str:
        if not self._stage.live or self._timeline.ended is not None:
            return self._timeline.ended or "recorded"
        state = "paused" if self._stage.pace.held else "running"
        return state if self._player.following else f"{state}; End goes along with it"

    def _show_playing(self) -> None:
        self._play_button.props(f"icon={'pause' if self._player.playing else 'play_arrow'}")

    def _on_key(self, code: str, down: bool) -> None:
        if self._screen is not None and code:
            self._drives = True
            self._screen.key(code, down)
            if code == "Escape":
                # Nobody leaves a drive that is held.
                self._stage.pace.go_on()
        if not code:
            self._let_go()
        elif not down:
            self._held.discard(code)
        else:
            self._held.add(code)
            if code in self._do:
                self._do[code]()

    def _do_in_seat(self, what: Callable[[DrivingSeat], object]) -> None:
        if self._screen is not None:
            self._drives = True
            self._screen.do(what)

    def _let_go(self) -> None:
        """All that is held in this page goes up; who drives from another one isn't touched."""
        self._held.clear()
        if self._screen is not None and self._drives:
            self._drives = False
            self._screen.do(DrivingSeat.release_all)

    def _stride(self) -> int:
        return _BIG_STEPS if self._held & {"ShiftLeft", "ShiftRight"} else 1

    def _change_speed(self, by: int) -> None:
        at = self._speeds.index(self._player.speed) + by
        self._speed.set_value(self._speeds[min(max(at, 0), len(self._speeds) - 1)])

    def _take_speed(self, event: ValueChangeEventArguments[float]) -> None:
        if event.value != self._player.speed:
            self._player.play_at(event.value)

    def _pick(self, number: int) -> None:
        self._picked = number

    def _pick_first(self) -> None:
        """Pick a driven vehicle, as long as the person hasn't picked anyone."""
        if self._picked is None:
            driven = self._stage.scenario.driven_ids
            names = [self._screen.user_id] if self._screen is not None else driven
            numbers = map(self._timeline.number_of, names)
            self._picked = next((number for number in numbers if number is not None), None)

    def _pick_next(self, by: int) -> None:
        here = sorted(self._timeline.frame(self._player.time_s).users[:, 0].astype(int).tolist())
        if not here:
            return
        at = here.index(self._picked) if self._picked in here else -by
        self._picked = here[(at + by) % len(here)]

    def _open_help(self) -> None:
        self._help.open()

    def _cover(self) -> None:
        background_tasks.create(self._lay_coverage(), name="coverage")

    async def _lay_coverage(self) -> None:
        """Lay the coverage on the ground, or take it away; it takes a second the first time."""
        self._covered = not self._covered
        coverage = None
        if self._covered:
            coverage = await asyncio.to_thread(lambda: self._stage.coverage)
        self._scene.cover(coverage)

    def _turn_light(self) -> None:
        self._dark.toggle()
        self._scene.paint(bool(self._dark.value))
        if self._screen is not None:
            self._hud.paint(bool(self._dark.value))


def _button(icon: str, tells: str, do: Callable[[], object]) -> ui.button:
    button = ui.button(icon=icon, on_click=do).props(f'flat round dense aria-label="{tells}"')
    with button:
        ui.tooltip(tells)
    return button


def _asks(what: str, do: Callable[[], object]) -> None:
    ui.button(what, on_click=do).props("dense no-caps outline size=sm").classes("px-2")


def _number(name: str, value: float, unit: str, *, least: float, most: float) -> ui.number:
    number = ui.number(value=value, min=least, max=most, prefix=name, suffix=unit)
    return number.props(f"dense borderless aria-label='{name} [{unit}]'").classes("w-20")


def _help() -> ui.dialog:
    with ui.dialog() as dialog, ui.card():
        ui.label("Keys").classes("font-bold")
        with ui.grid(columns="auto auto").classes("gap-x-6 gap-y-1"):
            for keys, what in _KEYS.items():
                ui.label(keys).classes("font-mono")
                ui.label(what)
        ui.button("Close", on_click=dialog.close).props("flat")
    return dialog
