"""Keeps scikit-learn's contract: parameters in, fitted attributes out, or no change."""
