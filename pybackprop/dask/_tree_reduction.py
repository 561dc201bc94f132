"""Adds sums of row blocks in a fixed binary tree, also in parts.

Leaves are the blocks of a batch in their order.  Node (level, index) is the sum over
the 2**level leaves from index * 2**level on, as far as these exist: an odd last sum
passes up unchanged.  Any worker that holds all leaves of a node can compute its sum, so
the bits of the root do not depend on where the leaves are.
"""


def nodes_over(first, end, n_leaves):
    """Return the fewest nodes whose leaves are those in range(first, end).

    Yields
    ------
    level, index, first, end : int
        A node and its leaves.
    """
    while first < end:
        level = root_level(n_leaves)
        while first % 2**level or min(first + 2**level, n_leaves) > end:
            level -= 1
        last = min(first + 2**level, n_leaves)
        yield level, first >> level, first, last
        first = last


def root_level(n_leaves):
    """Return the level of the root, which has the index 0."""
    return (n_leaves - 1).bit_length()


def add_neighbours(sums, n_leaves, add):
    """Add all pairs of neighbours that are present, level by level.

    Parameters
    ----------
    sums : dict
        From nodes, (level, index), to their sums. Not changed.
    n_leaves : int
    add : callable
        Takes the sums of a left and a right neighbour.

    Returns
    -------
    dict
        Of nodes none of which has its neighbour here; once all leaves are, of the root
        alone.
    """
    sums = dict(sums)
    for level in range(root_level(n_leaves)):
        for index in sorted(index for at, index in sums if at == level):
            left, right = index & ~1, index | 1
            if right << level >= n_leaves:
                sums[level + 1, index // 2] = sums.pop((level, index))
            elif (level, left) in sums and (level, right) in sums:
                total = add(sums.pop((level, left)), sums.pop((level, right)))
                sums[level + 1, index // 2] = total
    return sums
