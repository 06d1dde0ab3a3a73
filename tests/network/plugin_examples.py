"""Classes that the tests of plug-ins name."""

from __future__ import annotations


class Empty:
    """Takes anything and can do nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


NOT_A_CLASS = 1
