"""What an event is handled with."""
from typing import List

from .settings import Settings


class Host:
    """This host at one event: PBS runs the hook anew for each."""

    def __init__(self, names: List[str], settings: Settings) -> None:
        """`names` are all that this host goes by."""
        self.names = names
        self.settings = settings
        # What this event has left of api_timeout, in seconds.
        self.api_time_left = settings.api_timeout
