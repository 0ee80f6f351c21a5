"""Tokens for tests, made as docs/hooks.md defines them and independently of the hook."""
import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any, Dict

from hooks.execution_host import POD_UID

KEY = bytes(range(32))
CLUSTER = "c0ffee00-0000-4000-8000-000000000001"
SELECT = "1:ncpus=1:mem=1gb"
FIELDS = ("cluster", "uid", "namespace", "name", "user", "expiry", "nonce")


def base64url(octets: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def token(select: str = SELECT, key: bytes = KEY, version: str = "1", **changes: Any) -> str:
    """A token for the pod default/redis, with fields changed."""
    values: Dict[str, str] = {
        "cluster": CLUSTER, "uid": POD_UID, "namespace": "default", "name": "redis", "user": "pbs-broker@pbsserver",
        "expiry": "1795490192", "nonce": "AAECAwQFBgcICQoLDA0ODw"}
    values.update((name, str(value)) for name, value in changes.items())
    payload = [values[name] for name in FIELDS]
    signed = "\n".join([version] + payload[:5] + [select] + payload[5:])
    signature = hmac.new(key, signed.encode("utf-8"), hashlib.sha256).digest()
    return "%s.%s.%s" % (version, base64url("\n".join(payload).encode("utf-8")), base64url(signature))


def write_keys(path: Path, *keys: bytes) -> None:
    """A file of keys as hooks/install makes it."""
    path.write_text("# comment\n" + "".join(key.hex() + "\n" for key in keys))
    path.chmod(0o600)
