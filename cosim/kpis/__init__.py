"""Key performance indicators of a run: their names, and how they are measured from its tables."""

from cosim.kpis.measure import measure
from cosim.kpis.names import better_sign, describe, kpi_names

__all__ = ["better_sign", "describe", "kpi_names", "measure"]
