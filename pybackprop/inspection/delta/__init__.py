"""Explains delta, and carries out the recipes of two courses for it."""
