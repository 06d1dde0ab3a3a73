"""`python -m tests.validation`: the physics against published numbers, as one table.

With `--faults`, every check is run once more for each of its seeded faults and must turn red. With
`--plots DIR`, the calibration's distributions are drawn over the published percentiles instead.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.validation.registry import Check, checks


def main() -> int:
    """Run what was asked for; the exit code says whether all of it came out as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.validation", description=__doc__)
    parser.add_argument("--faults", action="store_true", help="show that each check can fail")
    parser.add_argument("--only", default="", metavar="TEXT", help="checks whose name has TEXT")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the calibration instead")
    arguments = parser.parse_args()
    if arguments.plots is not None:
        from tests.validation.plots import plot_calibration

        try:
            _print(f"drawn {plot_calibration(arguments.plots)}")
        except OSError as error:
            parser.error(f"--plots {arguments.plots}: can't be written: {error.strerror}")
        return 0
    chosen = [one for one in checks() if arguments.only.lower() in one.name.lower()]
    if not chosen:
        parser.error(f"no check has {arguments.only!r} in its name")
    return _faults(chosen) if arguments.faults else _checks(chosen)


def _checks(chosen: list[Check]) -> int:
    table = Table("check", "ours", "reference", "tolerance", "n", "verdict", "source")
    failed = 0
    started = time.perf_counter()
    for one in chosen:
        outcome = one.run()
        failed += not outcome.passed
        table.add_row(
            one.name,
            f"{outcome.ours:.5g} {one.unit}",
            f"{outcome.reference:.5g}",
            f"{outcome.tolerance:.2g}",
            str(outcome.count),
            "[green]pass" if outcome.passed else "[red]FAIL",
            one.source,
        )
    _print(table)
    _print("Sources that say 'read' were, in a converted copy of the specification; 'quoted' "
           "or 'transcribed in public' is a part that someone else wrote down; 'from memory' is "
           "neither. A project's name says whose figures they are, a clause alone where a formula "
           "comes from.")  # fmt: skip
    took = time.perf_counter() - started
    _print(f"{len(chosen) - failed} of {len(chosen)} checks pass ({took:.1f} s); shown is each "
           "check's element farthest from its reference")  # fmt: skip
    return int(failed > 0)


def _faults(chosen: list[Check]) -> int:
    table = Table("check", "seeded fault", "ours", "reference", "tolerance", "verdict")
    unseen = 0
    for one in chosen:
        for fault in one.faults:
            with fault.applied():
                outcome = one.run()
            unseen += outcome.passed
            table.add_row(
                one.name,
                fault.name,
                f"{outcome.ours:.5g} {one.unit}",
                f"{outcome.reference:.5g}",
                f"{outcome.tolerance:.2g}",
                "[red]NOT SEEN" if outcome.passed else "[green]turns red",
            )
    _print(table)
    _print(f"{unseen} faults went unseen")
    return int(unseen > 0)


def _print(what: Table | str) -> None:
    # Wide enough for the table also where the output is a file.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(what)


if __name__ == "__main__":
    sys.exit(main())
