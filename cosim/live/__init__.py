"""The page in the browser: a run as it goes, or a recorded one, on its roads."""
