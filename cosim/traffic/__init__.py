"""SUMO as a side of the bridge."""
