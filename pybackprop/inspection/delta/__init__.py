"""Explains delta at the output, and runs the algorithms of two courses for delta."""
