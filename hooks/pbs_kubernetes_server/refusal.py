"""Turning a request down."""


class Refusal(Exception):
    """Why a request is turned down, in words for who made it."""
