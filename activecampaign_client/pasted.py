"""Text that people paste."""

import unicodedata

# Control characters (line breaks and tabs among them), marks that are not seen (zero-width spaces, the byte order
# mark, soft hyphens), and spaces of every width.
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# Quotation marks that open a text, with those that close it.
_PAIRS = {("\u201c", "\u201d"), ("\u201e", "\u201c"), ("\u2018", "\u2019"), *((mark, mark) for mark in "\"'`")}


def trimmed(text: str) -> str:
    """The text without what is not seen at its ends, which `str.strip` knows only the half of, and without the
    quotation marks that it was pasted with.

    >>> trimmed("\\u200b acme\\u00a0\\n"), trimmed('"acme"')
    ('acme', 'acme')
    """
    start, end = 0, len(text)
    while start < end:
        if _is_unseen(text[start]):
            start += 1
        elif _is_unseen(text[end - 1]):
            end -= 1
        elif end - start > 1 and (text[start], text[end - 1]) in _PAIRS:
            start, end = start + 1, end - 1
        else:
            break
    return text[start:end]


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN
