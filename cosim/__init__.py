"""The bridge: traffic, vehicles, link, driving and twins advanced in lockstep."""
