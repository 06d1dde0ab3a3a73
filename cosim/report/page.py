"""How pages are made: one look, in templates beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cosim.expectations import Verdict
from cosim.why import explain_worst, told


def render(template: str, **content: Any) -> str:
    """A page that needs nothing else to be looked at; texts in `content` are escaped."""
    environment = Environment(
        loader=PackageLoader("cosim.report", "."),
        autoescape=select_autoescape(["j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(template).render(**content)


def why_text(run_dir: Path) -> str:
    """What `cosim why` says of the worst that happened in a run; empty if it can't be told."""
    chain = explain_worst(run_dir)
    return told(chain) if chain is not None else ""


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a row of a page's table."""
    value = "nothing" if verdict.value is None else f"{verdict.value:.4g}"
    return {**verdict._asdict(), "told": value}
