"""Proof of submission: tokens that pbs-broker has signed."""
import re
from typing import List, NamedTuple, Optional

from .refusal import Refusal

VERSION = "1"
# The message that is signed consists of these, each matching its rule, with line feeds between
# them. The token holds them too, but for the select, which is the job's own.
FIELDS = (
    ("cluster", r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}"),
    ("uid", r"[A-Za-z0-9-]{1,64}"),
    ("namespace", r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"),
    ("name", r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"),
    ("user", r"[^@\s/]{1,64}@[A-Za-z0-9._-]{1,255}"),
    ("expiry", r"[0-9]{1,12}"),
    ("nonce", r"[A-Za-z0-9_-]{16,64}"),
)
# A token may be used for that long at most, by the server's clock. Seconds.
LONGEST_LIFE = 3600
LONGEST_TOKEN = 2048


class Token(NamedTuple):
    """What a token says, before anything of it is believed."""
    cluster: str
    uid: str
    namespace: str
    name: str
    user: str  # user@host
    expiry: str  # seconds since the epoch
    nonce: str
    signature: bytes


def decode(text: str) -> bytes:
    """base64url without padding (RFC 4648, section 5), in its one canonical form; ValueError."""
    import base64
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("no base64url")
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii") != text:
        raise ValueError("no base64url")
    return octets


def parse_token(text: str) -> Token:
    """VERSION.PAYLOAD.SIGNATURE as docs/hooks.md defines it; Refusal."""
    parts = text.split(".") if len(text) <= LONGEST_TOKEN else []
    if len(parts) != 3 or parts[0] != VERSION:
        raise Refusal("it is no token of version %s" % VERSION)
    try:
        values = decode(parts[1]).decode("ascii").split("\n")
        signature = decode(parts[2])
    except ValueError:
        raise Refusal("it cannot be decoded")
    if len(values) != len(FIELDS):
        raise Refusal("it has %d fields instead of %d" % (len(values), len(FIELDS)))
    for (name, rule), value in zip(FIELDS, values):
        if not re.fullmatch(rule, value):
            raise Refusal("its %s is not valid" % name)
    return Token(*values, signature=signature)


def signature_of(token: Token, select: str, key: bytes) -> bytes:
    """HMAC-SHA256 of what a token stands for."""
    import hashlib
    import hmac
    signed = (VERSION, token.cluster, token.uid, token.namespace, token.name, token.user, select, token.expiry, token.nonce)
    return hmac.new(key, "\n".join(signed).encode("utf-8"), hashlib.sha256).digest()


def verify(text: str, select: Optional[str], requestor: str, host: str, keys: List[bytes], now: float) -> Token:
    """The token that a submission brings, when it is genuine and meant for that submission; Refusal.
    Of an alteration `select` is what `alteration` says of it."""
    import hmac
    if not select or "\n" in select:
        raise Refusal("the job has no select")
    token = parse_token(text)
    # All keys, and before anything else is said, so that no answer tells more than yes or no.
    genuine = [hmac.compare_digest(signature_of(token, select, key), token.signature) for key in keys]
    if not any(genuine):
        raise Refusal("it is not signed with this server's key, or for another %s"
                      % ("alteration" if select.startswith("alter ") else "select"))
    name, _, own_host = token.user.partition("@")
    if name != requestor or own_host.lower() != host.lower():
        raise Refusal("it is for %s, not for %s@%s" % (token.user, requestor, host))
    if not now < int(token.expiry) <= now + LONGEST_LIFE:
        raise Refusal("it has expired, or is valid for more than %d s; do the clocks differ?" % LONGEST_LIFE)
    return token
