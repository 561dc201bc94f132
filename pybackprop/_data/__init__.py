"""Converts user input into arrays that the C core may read, and labels into codes."""
