"""Catalogue text as it should have been: entities, mojibake, control characters and spaces put right."""

from __future__ import annotations

import html
import re
import unicodedata

NEEDS_WORK = re.compile(r"[^\x21-\x7e ]|&|  |\A | \Z")
"""Finds nothing in text that is clean as it stands: printable ASCII, single spaces, no entity."""
_TAG = re.compile(r"<(?:[a-zA-Z][^<>]*|/[a-zA-Z][^<>]*|!--.*?--)>", re.DOTALL)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\u2060\ufeff]+")

# UTF-8 read as cp1252: a lead byte, then its continuation bytes 80..BF as cp1252 (or latin-1) shows them. Only the
# leads of Latin letters, punctuation and emoji: with all of them, "NESCAFÉ®" would be taken for a misread letter.
_BYTE_OF = {bytes([byte]).decode("cp1252", "replace"): byte for byte in range(0x80, 0x100)} | {
    chr(byte): byte for byte in range(0x80, 0x100)
}
_TAIL = "[" + "".join(re.escape(char) for char, byte in _BYTE_OF.items() if byte < 0xC0 and char != "\ufffd") + "]"
_MOJIBAKE = re.compile(f"[ÂÃÄÅ]{_TAIL}|[âï]{_TAIL}{{2}}|ð{_TAIL}{{3}}")


def clean_text(text: str) -> str:
    """`text` with HTML entities resolved, mojibake (`â„¢`) repaired, NFC, and runs of space or control made one space.

    Idempotent on its own output except where that output spells another entity (`&amp;lt;`), which is resolved twice
    here and no further.
    """
    if not NEEDS_WORK.search(text):
        return text
    if "&" in text:
        text = html.unescape(html.unescape(text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", repair_mojibake(text))
    return _SPACE.sub(" ", text).strip()


def repair_mojibake(text: str) -> str:
    """`text` with UTF-8 that was once read as cp1252 read as UTF-8 again, up to three times over; else unchanged.

    Each run is repaired on its own and only if its bytes are valid UTF-8, so right text beside it stays as it is. (ftfy
    repairs these alike in three times the time, and a catalogue is cleaned whole: eval/libraries.py.)
    """
    for _ in range(3):
        repaired = _MOJIBAKE.sub(_reread, text)
        if repaired == text:
            break
        text = repaired
    return text


def strip_tags(text: str) -> str:
    """`text` with HTML tags and comments replaced by a space; a lone `<` stays."""
    return _TAG.sub(" ", text) if "<" in text else text


def _reread(match: re.Match[str]) -> str:
    try:
        return bytes(_BYTE_OF[char] for char in match.group()).decode("utf-8")
    except UnicodeDecodeError:
        return match.group()
