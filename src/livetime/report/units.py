"""Write units in plain text and in mathtext."""

import re

MATH_NAMES = {"photons": "ph"}
"""Short names of units for the labels of axes."""
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def power_of_ten(exponent: int) -> str:
    """Write a power of ten in plain text, `10⁻³`.

    >>> power_of_ten(-3)
    '10⁻³'
    """
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def _factors(unit: str) -> tuple[int, list[tuple[str, int]]]:
    """Split `1e22/cm^2` into a power of ten, 22, and factors with their exponents."""
    ten = 0
    factors: list[tuple[str, int]] = []
    for place, part in enumerate(unit.split("/")):
        base, _, power = part.partition("^")
        sign = 1 if place == 0 else -1
        exponent = sign * int(power or 1)
        match = re.fullmatch(r"1e(\d+)", base)
        if match:
            ten = int(match[1])
        elif base not in ("1", ""):
            factors.append((base, exponent))
    return ten, factors


def unit_text(unit: str) -> str:
    """Write a unit in plain text.

    >>> unit_text("1e22/cm^2"), unit_text("counts/s"), unit_text("%")
    ('10²² cm⁻²', 'counts s⁻¹', '%')
    """
    ten, factors = _factors(unit)
    words = [power_of_ten(ten)] if ten else []
    for base, exponent in factors:
        power = "" if exponent == 1 else str(exponent).translate(SUPERSCRIPTS)
        words.append(base + power)
    return " ".join(words)


def unit_math(unit: str, power: int = 0) -> str:
    r"""Write a unit for the label of an axis.

    Arguments:
        unit: as a prior writes it.
        power: power of ten that it is multiplied by.

    >>> unit_math("1/Hz"), unit_math("", 3)
    ('$\\mathrm{Hz}^{-1}$', '$10^{3}$')
    """
    ten, factors = _factors(unit)
    ten += power
    exponents = {exponent for _, exponent in factors}
    if not ten and exponents <= {1}:
        return unit

    words = [f"10^{{{ten}}}"] if ten else []
    for base, exponent in factors:
        raised = "" if exponent == 1 else f"^{{{exponent}}}"
        name = MATH_NAMES.get(base, base)
        words.append(rf"\mathrm{{{name}}}{raised}")
    joined = r"\,".join(words)
    return f"${joined}$"
