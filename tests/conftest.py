from __future__ import annotations

from hypothesis import settings

# The same examples every time: what gates a change must not depend on luck. To look for more,
# `pytest --hypothesis-profile=default`.
settings.register_profile("repeatable", derandomize=True, print_blob=True)
settings.load_profile("repeatable")
