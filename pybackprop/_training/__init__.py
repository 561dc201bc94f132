"""Trains the parameters of a network on arrays, batches or another source of rows."""
