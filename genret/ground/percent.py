"""Shares as people read them: one that is not zero never prints as zero, nor one that is not all as 100 %."""

from __future__ import annotations


def percent(share: float, digits: int = 1) -> str:
    """`12.5 %`; `< 0.1 %` for what would print as zero, `> 99.9 %` for what would print as all."""
    least = 10.0**-digits
    shown = round(100 * share, digits)
    if share > 0 and shown < least:
        return f"< {least:.{digits}f} %"
    if share < 1 and shown >= 100:
        return f"> {100 - least:.{digits}f} %"
    return f"{shown:.{digits}f} %"


def change(share: float, digits: int = 1) -> str:
    """`+12.5 %`, `-3.0 %`; one that would print as zero shows its first digit instead: `+0.04 %`."""
    if share and not round(100 * share, digits):
        return f"{100 * share:+.1g} %"
    return f"{100 * share + 0.0:+.{digits}f} %"  # + 0.0: no minus zero
