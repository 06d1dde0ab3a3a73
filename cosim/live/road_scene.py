"""The picture of a run in the page, drawn by three.js."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from nicegui.element import Element

# Brings three.js into the page.
from nicegui.elements.scene import Scene as _Scene  # noqa: F401

from cosim.live.layout import packed
from cosim.live.timeline import Air, Frame, Somebody

VIEWS = ("chase", "top", "area")
_STILL = Air()


class RoadScene(Element, component="road_scene.js", esm={"cosim-scene": "scene"}):
    """Roads, buildings, masts, and everyone on the road.

    Args:
        layout_url: where the page gets what doesn't move.
        on_pick: called with a road user's number when a person points at it.
        on_key: called with a key's code and whether it went down; with "" when all are let go,
            because the page lost the keyboard.
        inset: only to be looked at, beside another one.
    """

    def __init__(
        self,
        layout_url: str,
        *,
        on_pick: Callable[[int], None] | None = None,
        on_key: Callable[[str, bool], None] | None = None,
        inset: bool = False,
    ) -> None:
        super().__init__()
        self._props["layout-url"] = layout_url
        self._props["inset"] = inset
        self._told = 0
        self._lights_told: Mapping[str, str] | None = None
        if on_pick is not None:
            self.on("pick", lambda event: on_pick(int(event.args)))
        if on_key is not None:
            self.on("key", lambda event: on_key(*event.args))

    async def show(
        self, frame: Frame, roster: list[Somebody], picked: int | None, air: Air = _STILL
    ) -> bool:
        """Show an instant; comes back when the page has drawn it, false if it didn't in time.

        All poses go in one message. Who is new since the last one is told beside them.
        """
        until = len(roster)
        message: dict[str, Any] = {
            "users": packed(frame.users),
            "links": packed(frame.links[:, [0, 1, 2, 4]] if len(frame.links) else np.zeros(0)),
            "first": self._told,
            "roster": [[who.kind, *who[2:]] for who in roster[self._told : until]],
            "changing": packed(air.changing),
            "packets": packed(air.packets),
            "picked": -1 if picked is None else picked,
        }
        if frame.lights is not self._lights_told:
            message["lights"] = frame.lights
        try:
            drawn = bool(await self.run_method("show", message, timeout=5.0))
        except TimeoutError:
            return False
        # As long as the page hasn't got its layout it takes nothing in.
        if drawn:
            self._told, self._lights_told = until, frame.lights
        return drawn

    def look(self, view: str) -> None:
        """Take a view, one of `VIEWS`."""
        self.run_method("look", view)

    def zoom(self, factor: float) -> None:
        """Go nearer (below 1) or farther."""
        self.run_method("zoom", factor)

    def paint(self, dark: bool) -> None:
        """Take dark or light colours."""
        self.run_method("paint", dark)

    def cover(self, coverage: dict[str, Any] | None) -> None:
        """Lay the coverage over the ground, or take it away."""
        self.run_method("cover", coverage)
