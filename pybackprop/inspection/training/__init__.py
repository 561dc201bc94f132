"""Checks a training before it starts, and monitors its layers while it runs."""
