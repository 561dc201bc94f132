"""Compares the hashes of tests/c/test_fma.c with a fused multiply-add in integers.

That program hashes the results of the core for cases that are hard to round.  Here the
same cases are made, and rounded exactly with Python's unbounded integers.
"""

import hashlib
import re
from dataclasses import dataclass

import pytest

from support.checkout import TESTS

PROGRAM = TESTS / "c" / "test_fma.c"

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="the sources are not here: an installed test suite"
)


@dataclass(frozen=True)
class Format:
    fraction_bits: int
    bias: int

    @property
    def infinite(self):  # the field of an infinity's exponent
        return 2 * self.bias + 1

    @property
    def sign(self):
        return (self.infinite + 1) << self.fraction_bits

    @property
    def infinity(self):
        return self.infinite << self.fraction_bits

    @property
    def nan(self):
        return self.infinity | 1 << (self.fraction_bits - 1)


FORMATS = {"float32": Format(23, 127), "float64": Format(52, 1023)}


# --- a b + c, rounded once ------------------------------------------------------------


def whole(f, bits):
    """Return the integers m, e with m 2^e = x, for a finite x."""
    field = (bits & (f.sign - 1)) >> f.fraction_bits
    fraction = bits & ((1 << f.fraction_bits) - 1)
    m = fraction + (1 << f.fraction_bits) if field else fraction
    e = max(field, 1) - f.bias - f.fraction_bits
    return (-m if bits & f.sign else m), e


def nearest(f, m, e):
    """Return the bits of m 2^e, m > 0, rounded to nearest, ties to even."""
    lowest = 1 - f.bias - f.fraction_bits
    unit = max(e + m.bit_length() - 1 - f.fraction_bits, lowest)
    if unit > e:
        quotient, rest = divmod(m, 1 << (unit - e))
        half = 1 << (unit - e - 1)
        quotient += rest > half or (rest == half and quotient % 2 == 1)
    else:
        quotient = m << (e - unit)
    # A carry into the exponent field gives the next power of two, as it must.
    return min(((unit - lowest) << f.fraction_bits) + quotient, f.infinity)


def fused(f, a, b, c):
    size_a, size_b, size_c = (x & (f.sign - 1) for x in (a, b, c))
    sign = (a ^ b) & f.sign
    if max(size_a, size_b, size_c) > f.infinity:
        return f.nan
    if f.infinity in (size_a, size_b):
        if 0 in (size_a, size_b) or (size_c == f.infinity and c & f.sign != sign):
            return f.nan
        return sign | f.infinity
    if size_c == f.infinity:
        return c
    (m_a, e_a), (m_b, e_b), (m_c, e_c) = (whole(f, x) for x in (a, b, c))
    e = min(e_a + e_b, e_c)
    total = (m_a * m_b << (e_a + e_b - e)) + (m_c << (e_c - e))
    if total == 0:
        return sign & c if m_a * m_b == 0 and m_c == 0 else 0
    return (f.sign if total < 0 else 0) | nearest(f, abs(total), e)


# --- the cases of tests/c/test_fma.c --------------------------------------------------


class Draws:
    """The random generator of tests/c/check.h."""

    def __init__(self):
        self.state = 1

    def bits(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state >> 32

    def below(self, n):
        return self.bits() % n


def hard_fraction(f, draws):
    every = (1 << f.fraction_bits) - 1
    kind, j = draws.below(8), draws.below(f.fraction_bits)
    drawn = draws.bits() << 32 | draws.bits()
    if kind == 0:
        return 0
    if kind == 1:
        return 1 << j
    if kind == 2:
        return every & ~((1 << j) - 1)
    if kind == 3:
        return every >> j
    if kind == 4:
        return drawn % 16 << (f.fraction_bits - 4)
    if kind == 5:
        return 1 << j | 1 << drawn % f.fraction_bits
    return drawn & every


def hard_exponents(f, relation, draws):
    half_below, largest = -f.fraction_bits - 1, f.infinite - 1
    edges = [0, 0, 1, f.bias, largest, f.infinite]
    a, b, c = (draws.below(f.infinite + 1) for _ in range(3))
    spread, near = draws.below(2 * f.fraction_bits + 8), draws.below(3) - 1
    half = draws.below(f.bias) - f.bias // 2
    if relation == 0:
        return a, b, c
    if relation == 8:
        return edges[a % 6], edges[b % 6], edges[c % 6]
    if relation in (1, 7):
        product = c + spread - f.fraction_bits - 4
    elif relation == 2:
        product = c + half_below + near
    elif relation == 3:
        product = c - half_below + near
    elif relation == 4:
        c, product = spread % 3, half_below - 1 + spread
    elif relation == 5:
        c, product = largest - spread % 2, largest - near
    else:
        c, product = largest, largest + half_below + near
    a = (product + f.bias) // 2 + half
    b = product + f.bias - a
    return min(max(a, 0), largest), min(max(b, 0), largest), c


def hard_case(f, i, draws):
    case = []
    for field in hard_exponents(f, i % 9, draws):
        sign = f.sign if draws.below(2) else 0
        case.append(sign | field << f.fraction_bits | hard_fraction(f, draws))
    step = draws.below(5) - 2
    if i % 9 == 7:
        a, b, _ = case
        product = fused(f, a, b, (a ^ b) & f.sign)
        if product != f.nan:
            case[2] = ((product ^ f.sign) + step) % (2 * f.sign)
    return case


# --- tests ----------------------------------------------------------------------------


def test_the_reference_is_right_for_easy_cases():
    f = FORMATS["float64"]
    one, two, half_digit, digit = 0x3FF << 52, 0x400 << 52, 0x3CA << 52, 0x3CB << 52
    assert fused(f, one, one, one) == two
    assert fused(f, one, half_digit, one) == one, "a tie goes to the even neighbour"
    assert fused(f, one, half_digit, one + 1) == one + 2
    assert fused(f, one + 1, half_digit, one) == one + 1, "more than half"
    assert fused(f, one, digit, one) == one + 1
    assert fused(f, 1, 1, 0) == 0
    assert fused(f, 1, 1 | f.sign, 0) == f.sign, "underflow keeps the sign"
    assert fused(f, one, one, one | f.sign) == 0
    assert fused(f, f.infinity, 0, one) == f.nan
    assert fused(f, f.infinity - 1, two, 0) == f.infinity


@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("dtype", FORMATS)
def test_the_recorded_hashes(dtype):
    text = PROGRAM.read_text("utf-8")
    n_cases = int(re.search(r"N_CASES = (\d+)", text)[1])
    recorded = re.search(rf'{dtype.upper()}_HASH \\?\s*"(\w+)"', text)[1]
    f, draws, digest = FORMATS[dtype], Draws(), hashlib.sha256()
    for i in range(n_cases):
        result = fused(f, *hard_case(f, i, draws))
        digest.update(result.to_bytes(8 if dtype == "float64" else 4, "little"))
    assert digest.hexdigest() == recorded
