"""Names as people give them: what of a text is seen, and what would only disturb those who see it."""

from unicodedata import category

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks, embeddings and isolates of the bidirectional algorithm: they turn other people's lines around (UAX 9)."""
_DROPPED = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Controls, ends of lines and paragraphs, and halves of surrogate pairs, which no file or header can hold."""
_WIDE_SPACE = "\u3000"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and symbols by category that have no ink: fillers, a joiner, the empty Braille pattern."""
_SELECTORS = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Variation selectors: they choose how the character before them looks."""


def on_one_line(text: str) -> str:
    """The text without what breaks or turns a line.

    Joiners, selectors and wide spaces stay; all other spaces become plain ones.
    """
    kept = (character for character in text if character not in _BIDI and category(character) not in _DROPPED)
    return "".join(" " if _is_odd_space(character) else character for character in kept)


def is_seen(text: str) -> bool:
    """Whether anything of it has ink."""
    return any(_has_ink(character) for character in text)


def _is_odd_space(character: str) -> bool:
    return category(character) == "Zs" and character != _WIDE_SPACE


def _has_ink(character: str) -> bool:
    if category(character) in _UNSEEN or character in _BLANK:
        return False
    return not any(first <= ord(character) <= last for first, last in _SELECTORS)
