"""A plugin of pytest: Hypothesis stops at its first example that fails.

To find the smallest one takes minutes, and a mutant needs one.
"""

from contextlib import suppress

with suppress(ImportError):
    from hypothesis import Phase, settings

    settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")
