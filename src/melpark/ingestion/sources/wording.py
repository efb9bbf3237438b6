"""Text of a stranger, made fit for a log line and for PostgreSQL."""

LONGEST = 200


def clean(text: str, longest: int = LONGEST) -> str:
    """Without control characters (NUL is refused by PostgreSQL) and lone surrogates, cut to `longest` characters."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut)
