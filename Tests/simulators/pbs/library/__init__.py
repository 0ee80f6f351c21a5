"""The requests of libpbs: what the stand-in library (libpbs/) asks, answered from the same state as the commands."""

from .call import LibraryAnswer, LibraryCall, decode, is_library_frame
from .functions import execute

__all__ = ["LibraryAnswer", "LibraryCall", "decode", "execute", "is_library_frame"]
