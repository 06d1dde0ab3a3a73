"""A measured drive as the link: logs read into a `Trace`, and a `TraceLink` that replays it."""

from __future__ import annotations

from network.traces.link import TraceLink
from network.traces.reading import read_trace
from network.traces.trace import Trace

__all__ = ["Trace", "TraceLink", "read_trace"]
