"""Draw how near twins keep to their vehicles, from a batch of the scenario `twin_accuracy`.

cosim batch twin_accuracy --out runs/accuracy
python docs/twin_accuracy.py runs/accuracy docs/twin_accuracy.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

mpl.use("Agg")

LOAD, RATE = "network.load.0.prb_utilisation", "twins.rate_hz"
PANELS = {
    "twins.age_ms.p95": "the age of information [ms]",
    "twins.position_error_m.p95": "the twin's error [m]",
    "twins.prediction_error_m.p95": "its error 1 s ahead [m]",
}


def main(batch: Path, picture: Path) -> None:
    """One panel per KPI, one line per load."""
    results = pd.read_parquet(batch / "results.parquet")
    figure, panels = plt.subplots(1, len(PANELS), figsize=(11, 3.4), layout="constrained")
    for axes, (kpi, label) in zip(panels, PANELS.items(), strict=True):
        for load, rows in results.groupby(LOAD):
            means = rows.groupby(RATE)[kpi].mean()
            axes.plot(means.index, means, marker="o", label=f"{100 * float(str(load)):.0f} %")
        axes.set(xscale="log", xlabel="telemetry [Hz]", ylabel=f"P95 of {label}", ylim=(0, None))
        axes.set_xticks(means.index, [f"{rate:g}" for rate in means.index])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[-1].legend(title="resource blocks\nasked for by others", loc="upper right")
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
