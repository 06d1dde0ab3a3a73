"""Which kind of file a trace is."""

from __future__ import annotations

from network.settings import TraceSettings
from network.traces.gnettrack import read_gnettrack
from network.traces.plain import read_plain
from network.traces.table import Table
from network.traces.trace import Trace

# A shorter drive is a mistake: of units, or of a phone that stayed where it was.
_LEAST_S = 0.1
_LEAST_M = 1.0


def read_trace(settings: TraceSettings) -> Trace:
    """Read the file that the settings name; its header tells its kind.

    Raises:
        ValueError: A file that can't be read or doesn't make sense; one line with file, line,
            column and what was expected.
    """
    table = Table(settings.file)
    if "Timestamp" in table.header:
        trace = read_gnettrack(table, settings)
    elif "time_s" in table.header:
        trace = read_plain(table)
    else:
        raise table.error(
            1,
            "neither a column Timestamp (G-NetTrack Pro) nor time_s; "
            "expected such a log or the columns time_s, latency_ms, loss",
        )
    if not trace.served.any():
        raise ValueError(f"{settings.file}: no service in any row; expected some")
    if settings.follow == "distance" and trace.distance_m is None:
        raise ValueError(f"{settings.file}: no positions; expected them to follow distance")
    length, least, start, unit = (
        (trace.end_s, _LEAST_S, settings.start_s, "s")
        if settings.follow == "time"
        else (trace.end_m, _LEAST_M, settings.start_m, "m")
    )
    if length < least:
        raise ValueError(
            f"{settings.file}: a drive of {length:g} {unit}; expected {least:g} or more "
            f"to follow {settings.follow}"
        )
    if start >= length:
        raise ValueError(
            f"{settings.file}: a drive of {length:g} {unit}; expected start_{unit} in it, "
            f"not {start:g}"
        )
    return trace
