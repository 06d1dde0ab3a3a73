"""Pages to look at: of a batch, and of a run."""
