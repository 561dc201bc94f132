"""Planted bugs, each of which one test of the short run must detect.

One for each promise of docs/what_you_can_rely_on.md, and some for the equations.
"""

from mutants.in_equations import MUTANTS as OF_EQUATIONS
from mutants.in_promises import MUTANTS as OF_PROMISES
from mutants.in_promises import WITHOUT_MUTANT

MUTANTS = (*OF_PROMISES, *OF_EQUATIONS)

__all__ = ["MUTANTS", "OF_EQUATIONS", "OF_PROMISES", "WITHOUT_MUTANT"]
