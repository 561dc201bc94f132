"""Compares gradients of backpropagation and of user-defined losses with differences."""
