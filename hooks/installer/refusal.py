"""Why something is not done."""


class Refused(Exception):
    """Why nothing is installed, in one line."""
