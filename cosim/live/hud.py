"""What is written over the picture for a person at the wheel, and the instructor's inset."""

from __future__ import annotations

from nicegui import ui

from cosim.drive.view import View
from cosim.live.road_scene import RoadScene
from cosim.live.timeline import Frame, Somebody

_CARD = "absolute rounded bg-white/85 dark:bg-black/70"


class Hud:
    """Warnings and instruments.

    Args:
        remote: the person is afar: the age of what they see, and what is at the car now, too.
    """

    def __init__(self, *, remote: bool) -> None:
        with ui.column().classes("absolute top-3 inset-x-0 items-center gap-2 pointer-events-none"):
            self._age = ui.label().classes("num rounded px-3 text-lg bg-white/85 dark:bg-black/70")
            self._age.props("role=timer")
            self._warnings = ui.label().props("role=alert")
            self._warnings.classes("rounded px-4 py-1 whitespace-pre-wrap")
            self._warnings.classes("text-lg font-bold bg-amber-500 text-black")
        with ui.column().classes(f"{_CARD} left-3 top-20 px-3 py-1 gap-0 text-sm"):
            self._speed = ui.label().classes("num text-2xl font-bold whitespace-pre")
            with ui.row(wrap=False).classes("gap-3"):
                self._names = ui.label().classes("whitespace-pre opacity-70")
                self._values = ui.label().classes("hud-values num whitespace-pre")
            self._inputs = ui.label().classes("num")
        self._here = _inset() if remote else None
        self.update(None)

    def update(self, view: View | None) -> None:
        """Tell of an instant; None before the first."""
        self._warnings.set_visibility(bool(view and view.warnings))
        self._age.set_visibility(view is not None and view.picture is not None)
        if view is None:
            return
        self._warnings.set_text("\n".join(view.warnings))
        told = dict(view.lines)
        self._speed.set_text(f"{told.pop('speed')}  {told.pop('gear')}")
        self._names.set_text("\n".join(told))
        self._values.set_text("\n".join(told.values()))
        self._inputs.set_text(_told(view))
        if view.picture is not None:
            self._age.set_text(f"view {view.picture_age_ms:.0f} ms old")

    async def show_here(self, frame: Frame, roster: list[Somebody], own: int | None) -> None:
        """Draw what is around the car of a person afar."""
        if self._here is not None:
            await self._here.show(frame, roster, own)

    def paint(self, dark: bool) -> None:
        """Take dark or light colours."""
        if self._here is not None:
            self._here.paint(dark)


def _inset() -> RoadScene:
    """A picture for an instructor, not for the driver: faintly."""
    place = "absolute right-3 bottom-3 w-1/3 h-2/5 overflow-hidden border"
    with ui.element("div").classes(f"{place} opacity-50 pointer-events-none"):
        scene = RoadScene("layout", inset=True)
        ui.label("at the car, now").classes(f"{_CARD} left-2 top-2 px-2 text-sm")
    return scene


def _told(view: View) -> str:
    inputs = view.inputs
    brake = max(inputs.brake, float(inputs.hand_brake))
    wheel = "straight"
    if inputs.steering:
        wheel = f"{'left' if inputs.steering > 0 else 'right'} {abs(inputs.steering):.0%}"
    return f"throttle {inputs.throttle:.0%}, brake {brake:.0%}, {wheel}"
