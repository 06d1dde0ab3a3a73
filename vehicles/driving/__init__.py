"""Driving functions: one file each; `base` says what a function gets and gives."""
