"""Text for the log."""


def one_line(text: str) -> str:
    """Text for the log, of which a line must not pass for another's."""
    return "".join(c if c.isprintable() else " | " if c == "\n" else repr(c)[1:-1] for c in text.strip())
