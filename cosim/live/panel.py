"""The panel beside the picture: the picked vehicle's state and recent past, and what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from cosim.federate import BadInput
from cosim.live.stage import Stage
from cosim.live.timeline import Entry, Frame
from network.arrays import Floats

# How far back the plots go.
_PLOT_S = 30.0
_GAP_S = 1.0
_LINES = 60
_WHOSE = {"driven": "driven vehicles", "picked": "the picked one", "all": "everyone"}
_PLOTTED = (
    ("speed", "m/s", "#0072B2"),
    ("SINR", "dB", "#009E73"),
    ("longest delay in 0.1 s", "ms", "#D55E00"),
)
_ROW = """
<q-tr :props="props" tabindex="0" @click="() => $parent.$emit('told', props.row)"
      @keydown.enter="() => $parent.$emit('told', props.row)">
  <q-td key="time" :props="props" class="num">{{ props.row.time }}</q-td>
  <q-td key="what" :props="props"><b>{{ props.row.who }}</b>
    <span class="cosim-kind">{{ props.row.kind }}</span>
    <br>{{ props.row.text }}</q-td>
</q-tr>
"""


class Panel:
    """Tells of one road user and lists what happened, up to the instant that a page shows.

    Args:
        stage: the run.
        on_choose: called with the number of the road user that a person chose by name.
    """

    def __init__(self, stage: Stage, on_choose: Callable[[int], None]) -> None:
        self._stage = stage
        self._timeline = stage.timeline
        self._on_choose = on_choose
        self._listed: list[Entry] = []
        self._known = 0
        self._build()

    def update(self, frame: Frame, picked: int | None) -> None:
        """Tell of an instant."""
        roster = self._timeline.roster
        if len(roster) != self._known:
            self._known = len(roster)
            self._choice.set_options([who.id for who in roster])
        chosen = None if picked is None else roster[picked].id
        if self._choice.value != chosen:
            self._choice.set_value(chosen)
        self._state.set_text(self._told(frame, picked))
        self._plot(frame.time_s, picked)
        self._list_up_to(frame.time_s, chosen)

    def _build(self) -> None:
        self._choice = ui.select([], label="Vehicle", with_input=True, on_change=self._choose)
        self._choice.classes("w-full").props("dense options-dense")
        self._state = ui.label().classes("num whitespace-pre-wrap text-sm min-h-[6em] shrink-0")
        self._plots = ui.echart(_options()).classes("w-full h-[36vh] shrink-0")
        self._plots.props("aria-label='Speed, SINR and delay of the last 30 s'")
        self._filter = ui.select(_WHOSE, label="What happened to", value="driven")
        self._filter.classes("w-full").props("dense options-dense")
        columns = [
            {"name": "time", "label": "s", "field": "time", "align": "right"},
            {"name": "what", "label": "Enter or click: why", "field": "text", "align": "left"},
        ]
        self._list = ui.table(rows=[], columns=columns, row_key="key", pagination=0)
        self._list.classes("w-full grow min-h-0 cosim-list").props("dense flat hide-bottom")
        self._list.add_slot("body", _ROW)
        self._list.on("told", lambda event: self._tell(event.args))
        with ui.dialog() as self._why, ui.card().classes("max-w-none"):
            self._why_text = ui.label().classes("whitespace-pre-wrap font-mono text-sm")
            ui.button("Close", on_click=self._why.close).props("flat")

    def _choose(self, event: ValueChangeEventArguments[Any]) -> None:
        number = self._timeline.number_of(event.value or "")
        if number is not None:
            self._on_choose(number)

    def _told(self, frame: Frame, picked: int | None) -> str:
        here = frame.users[frame.users[:, 0] == picked]
        if picked is None or not len(here):
            return "not on the road"
        who = self._timeline.roster[picked]
        lines = [f"{here[0, 5]:.1f} m/s ({here[0, 5] * 3.6:.0f} km/h), {who.length_m:.1f} m long"]
        link = frame.links[frame.links[:, 0] == picked]
        if not len(link):
            return "\n".join([*lines, "not connected"])
        _, number, sinr_db, rsrp_dbm, interrupted = link[0].tolist()
        cell = self._timeline.cells[int(number)] if number >= 0 else None
        if cell is None:
            return "\n".join([*lines, "without a cell"])
        lines.append(f"cell {cell}{', interrupted' if interrupted else ''}")
        if np.isfinite(sinr_db):
            lines.append(f"RSRP {rsrp_dbm:.0f} dBm, SINR {sinr_db:.1f} dB")
        if cell in self._timeline.load:
            down, up = self._timeline.load[cell]
            lines.append(f"the cell is used {down:.0%} down, {up:.0%} up")
        return "\n".join(lines)

    def _plot(self, time_s: float, picked: int | None) -> None:
        nothing = np.zeros((0, 2))
        parts: tuple[Floats, ...] = (nothing, nothing, nothing)
        if picked is not None:
            parts = self._timeline.series(picked, time_s, _PLOT_S)
        until_s = max(time_s, _PLOT_S)
        axis = {"min": round(until_s - _PLOT_S, 1), "max": round(until_s, 1)}
        self._plots.run_chart_method(
            "setOption",
            {
                "xAxis": [axis] * len(parts),
                "series": [{"data": _points(part)} for part in parts],
            },
        )

    def _list_up_to(self, time_s: float, chosen: str | None) -> None:
        whose: set[str] | None = None
        if self._filter.value == "driven":
            whose = set(self._stage.scenario.driven_ids)
        elif self._filter.value == "picked":
            whose = {chosen} if chosen else set()
        entries = self._timeline.entries(time_s, whose, _LINES)
        if entries == self._listed:
            return
        self._listed = entries
        self._list.rows = [
            {
                "key": f"{entry.time_s} {entry.kind} {entry.who} {entry.text}",
                "time": f"{entry.time_s:.2f}",
                **{name: getattr(entry, name) for name in ("time_s", "kind", "who", "text")},
            }
            for entry in entries
        ]

    async def _tell(self, row: dict[str, Any]) -> None:
        """Explain a line of the list."""
        text = f"{row['time']} s  {row['who']}  {row['kind']}\n{row['text']}"
        if row["kind"] == "decision":
            try:
                text = await asyncio.to_thread(self._stage.why, row["who"], row["time_s"])
            except (BadInput, KeyError, OSError):
                text += "\n\nNot all of it is on the disk yet: ask again in a few seconds."
        self._why_text.set_text(text)
        self._why.open()


def _points(pairs: Floats) -> list[list[float | None]]:
    """Time and value as the plots take them: a line ends where there was nothing for a second."""
    points: list[list[float | None]] = []
    before_s = np.inf
    for time_s, value in pairs.tolist():
        if time_s - before_s > _GAP_S:
            points.append([before_s, None])
        points.append([round(time_s, 2), round(value, 2) if np.isfinite(value) else None])
        before_s = time_s
    return points


def _options() -> dict[str, Any]:
    """Three plots over each other, along one time."""
    count = len(_PLOTTED)
    grey = {"color": "#7a7a7a"}
    height = 100 / count
    return {
        "animation": False,
        "grid": [
            {
                "left": 44,
                "right": 12,
                "top": f"{height * n + 9:.0f}%",
                "height": f"{height - 17:.0f}%",
            }
            for n in range(count)
        ],
        "title": [
            {
                "text": f"{name} [{unit}]",
                "top": f"{height * n + 1:.0f}%",
                "left": 4,
                "padding": 0,
                "textStyle": {"fontSize": 12, "fontWeight": "normal", **grey},
            }
            for n, (name, unit, _) in enumerate(_PLOTTED)
        ],
        "xAxis": [
            {
                "type": "value",
                "gridIndex": n,
                "axisLine": {"onZero": False},
                "axisLabel": {
                    "show": n == count - 1,
                    "hideOverlap": True,
                    "formatter": "{value} s",
                    **grey,
                },
                "splitLine": {"show": False},
            }
            for n in range(count)
        ],
        "yAxis": [
            {
                "type": "value",
                "gridIndex": n,
                "min": None if unit == "dB" else 0,
                "axisLine": {"onZero": False},
                "splitNumber": 2,
                "axisLabel": grey,
                "splitLine": {"lineStyle": {"color": "#8884"}},
            }
            for n, (_, unit, _) in enumerate(_PLOTTED)
        ],
        "series": [
            {
                "type": "line",
                "showSymbol": False,
                "xAxisIndex": n,
                "yAxisIndex": n,
                "color": colour,
                "data": [],
            }
            for n, (name, _, colour) in enumerate(_PLOTTED)
        ],
    }
