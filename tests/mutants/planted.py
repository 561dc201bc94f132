"""What a planted bug is, and how it gets into a tree.

The bugs themselves are in ``in_base.py``, ``in_kernels.py`` and so on, a file for each
part of the tree.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A small, plausible mistake: one text of one file, in the place of another.

    Attributes
    ----------
    name : str
        The mistake, in a few words.
    file : str
        From the root of the tree.
    text, planted : str
        As it is, which the file has exactly once; and with the mistake.
    wrong : str
        What a user would get.
    test : str
        The test program of C, or file of the suite, that is expected to see it; it is
        run first.  Where it does not see it, all others have their turn.
    """

    name: str
    file: str
    text: str
    planted: str
    wrong: str
    test: str

    @property
    def is_c(self):
        """Whether the tests of C can see it."""
        return self.file.startswith("csrc/")

    def occurrences(self, root):
        """How often the tree has the text: 1, or the record is out of date."""
        path = root / self.file
        return path.read_text("utf-8").count(self.text) if path.is_file() else 0

    def plant(self, root):
        """Put the mistake into a tree, and return the file's own text."""
        path = root / self.file
        healthy = path.read_text("utf-8")
        path.write_text(healthy.replace(self.text, self.planted), "utf-8")
        return healthy
