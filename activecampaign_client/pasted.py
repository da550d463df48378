"""Text that people paste."""

import unicodedata

# Control characters (line breaks and tabs among them), marks that are not seen (zero-width spaces, the byte order
# mark, soft hyphens), and spaces of every width.
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def trimmed(text: str) -> str:
    """The text without what is not seen at its ends, which `str.strip` knows only the half of.

    >>> trimmed("\\u200b acme\\u00a0\\n")
    'acme'
    """
    seen = [place for place, character in enumerate(text) if unicodedata.category(character) not in _UNSEEN]
    return text[seen[0] : seen[-1] + 1] if seen else ""
