"""V2X messages and when they are generated."""
