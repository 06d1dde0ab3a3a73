"""How pages are made: one look, in templates beside this file."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cosim.expectations import Verdict


def render(template: str, **content: Any) -> str:
    """A page that needs nothing else to be looked at; texts in `content` are escaped."""
    environment = Environment(
        loader=PackageLoader("cosim.report", "."),
        autoescape=select_autoescape(["j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(template).render(**content)


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a row of a page's table."""
    value = "nothing" if verdict.value is None else f"{verdict.value:.4g}"
    return {**verdict._asdict(), "told": value}
