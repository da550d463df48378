"""What names are compared by that differ in letter case only."""


def small_letters(name: str) -> str:
    """A name in small letters, with all of its characters: `casefold` would make one of a `ß` and an `ss`.

    >>> small_letters("ANN@Example.com"), small_letters("Straße") == small_letters("Strasse")
    ('ann@example.com', False)
    """
    return name.lower()
