"""A batch as one page to look at."""
