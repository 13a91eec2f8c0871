"""Experiments: specifications, run folders, training, comparison."""
