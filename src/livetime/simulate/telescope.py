"""Compare the names of telescopes and instruments in FITS headers."""

PLACEHOLDERS = ("", "NONE", "UNKNOWN", "UNDEFINED", "N/A", "NULL")
"""Values that stand for a keyword that is not known (OGIP memo 92-007 uses UNKNOWN and NONE)."""

TELESCOPE_NAMES = {
    "AXAF": "CHANDRA",
    "CXC": "CHANDRA",
    "RXTE": "XTE",
    "FERMI": "GLAST",
    "XMM-NEWTON": "XMM",
    "NEWTON": "XMM",
    "EROSITA": "SRG",
    "HXMT": "INSIGHT-HXMT",
}
"""Other names of a telescope, in capitals, and the one that is used for it."""


def canonical_name(given: object) -> str:
    """Give the standard name of a telescope or instrument in capitals; empty if unknown.

    Examples:
        >>> canonical_name(" axaf "), canonical_name("none"), canonical_name(None)
        ('CHANDRA', '', '')
    """
    name = str(given or "").strip().upper()
    if name in PLACEHOLDERS:
        return ""
    return TELESCOPE_NAMES.get(name, name)


def names_differ(own: object, other: object) -> bool:
    """Say whether two names are both known, and of different instruments.

    Examples:
        >>> names_differ("CHANDRA", "CXC"), names_differ("XMM", "NONE"), names_differ("XMM", "XTE")
        (False, False, True)
    """
    first = canonical_name(own)
    second = canonical_name(other)
    return bool(first and second and first != second)
