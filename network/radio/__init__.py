"""Radio propagation: TR 38.901 and TR 37.885 as functions on arrays."""
