"""Checks gradients, exact ones and those of own losses, against finite differences."""
