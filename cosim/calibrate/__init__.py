"""`cosim calibrate`: the link's parameters from what was measured on the road."""
