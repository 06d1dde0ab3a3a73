"""Pictures of runs. Drawing costs an import of matplotlib, so only who draws imports this."""

from cosim.plots.comparison import plot_comparison
from cosim.plots.page import Drawn, plot_run

__all__ = ["Drawn", "plot_comparison", "plot_run"]
