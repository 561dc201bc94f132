"""Describes what a network consists of: layers, initial weights, losses, optimizer.

Nothing here trains.
"""
