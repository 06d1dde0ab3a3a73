"""A person at the wheel of a scenario's car."""
