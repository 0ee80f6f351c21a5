"""The kubeconfigs of kube-watcher and binder, with a token or a client certificate, and their renewal."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .commands import Failed, Site
from .files import complaint, make_folder, write_private
from .kubernetes import NAMESPACE, Kubectl

# A token is renewed when less than this share of its life is left, so that many tries may fail.
RENEWAL_SHARE = 0.5
# A certificate that ends within so many days is told of: an administrator has to make the next one.
CERTIFICATE_DAYS = 30


@dataclass
class Account:
    """One of the two accounts: whose files they are, and where they lie."""

    name: str
    user: str
    kubeconfig: Path
    folder: Path

    @property
    def token(self) -> Path:
        return self.folder / "token"

    @property
    def certificate(self) -> Path:
        return self.folder / "client.crt"

    @property
    def key(self) -> Path:
        return self.folder / "client.key"


def kubeconfig_text(account: Account, cluster: dict[str, Any], kind: str) -> str:
    """A kubeconfig whose credential is in files of their own, so that it can be renewed without it."""
    user = ({"tokenFile": str(account.token)} if kind == "token"
            else {"client-certificate": str(account.certificate), "client-key": str(account.key)})
    document = {"clusters": ("cluster", cluster), "users": ("user", user),
                "contexts": ("context", {"cluster": NAMESPACE, "user": account.name})}
    names = {"clusters": NAMESPACE, "users": account.name, "contexts": NAMESPACE}
    lines = ["# Written by pbs-connector-setup.", "apiVersion: v1", "kind: Config", "current-context: " + NAMESPACE]
    for plural, (singular, fields) in document.items():
        lines += ["%s:" % plural, "- name: %s" % names[plural], "  %s:" % singular]
        # A JSON string is a YAML string.
        lines += ["    %s: %s" % (key, json.dumps(value)) for key, value in fields.items()]
    return "\n".join(lines) + "\n"


def cluster_of(admin: Kubectl, server: Optional[str]) -> dict[str, Any]:
    """What a kubeconfig of ours says of the cluster: as the administrator's, perhaps with another address."""
    cluster = {key: value for key, value in admin.cluster().items()
               if key in ("server", "certificate-authority-data", "tls-server-name", "proxy-url", "insecure-skip-tls-verify")}
    if server:
        cluster["server"] = server
    return cluster


def provide(admin: Kubectl, account: Account, cluster: dict[str, Any], kind: str, seconds: Optional[int],
            replace: bool = False) -> None:
    """Make the account's kubeconfig, unless the one that is there works and is not to be replaced."""
    site = admin.site
    if account.kubeconfig.exists() and replace:
        site.tell("%s is to be replaced" % account.kubeconfig)
    elif account.kubeconfig.exists():
        wrong = complaint(account.kubeconfig, account.user) or Kubectl(site, admin.program, account.kubeconfig).works_for(account.name)
        if wrong is None:
            return site.tell("%s works as %s: left as it is" % (account.kubeconfig, account.name))
        site.tell("%s: %s" % (account.kubeconfig, wrong))
    else:
        site.tell("%s is missing" % account.kubeconfig)
    if site.dry_run:
        site.tell("would write %s for user %s alone, with a %s of account %s for %s"
                  % (account.kubeconfig, account.user, kind, account.name, cluster["server"]))
        return
    make_folder(account.folder, account.user)
    if kind == "token":
        write_private(account.token, _token(admin, account, seconds or 24 * 3600), account.user)
    else:
        _make_certificate(admin, account, seconds)
    if account.kubeconfig.exists():
        write_private(account.kubeconfig.with_name(account.kubeconfig.name + ".old"), account.kubeconfig.read_text(), account.user)
    account.kubeconfig.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_private(account.kubeconfig, kubeconfig_text(account, cluster, kind), account.user)
    wrong = Kubectl(site, admin.program, account.kubeconfig).works_for(account.name)
    if wrong is not None:
        raise Failed("%s was written, and the server does not take it: %s" % (account.kubeconfig, wrong))
    site.tell("wrote %s for user %s alone; it works" % (account.kubeconfig, account.user))


def _token(kubectl: Kubectl, account: Account, seconds: int) -> str:
    token = kubectl.request_token(account.name, seconds)
    assert token is not None, "a dry run has ended before"
    issued, ends = token_times(token)
    if ends - issued < seconds - 60:
        kubectl.site.tell("the server gives tokens for %.1f h only" % ((ends - issued) / 3600))
    return token


def _make_certificate(admin: Kubectl, account: Account, seconds: Optional[int]) -> None:
    """A new key, and a certificate for it under the name that a token of the account would have."""
    with tempfile.TemporaryDirectory() as folder:
        key, request = Path(folder, "key"), Path(folder, "request")
        admin.site.do(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                       "-subj", "/CN=system:serviceaccount:%s:%s" % (NAMESPACE, account.name),
                       "-keyout", str(key), "-out", str(request)])
        name = "%s-%s-%d" % (NAMESPACE, account.name, int(time.time()))
        certificate = admin.sign(name, request.read_text(), seconds)
        assert certificate is not None, "a dry run has ended before"
        write_private(account.key, key.read_text(), account.user)
        write_private(account.certificate, certificate, account.user)


def token_times(token: str) -> tuple[float, float]:
    """When a token was made and when it ends, in seconds since 1970 (RFC 7519)."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["iat"]), float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise Failed("the token is none that ends: %s" % error)


def renew(site: Site, program: str, account: Account, at_once: bool) -> None:
    """Renew the account's token by its own right, or say how long its certificate lasts."""
    if account.certificate.exists() and not account.token.exists():
        return _tell_certificate(site, account)
    try:
        issued, ends = token_times(account.token.read_text().strip())
    except OSError as error:
        raise Failed("%s: %s (pbs-connector-setup credentials makes it)" % (account.token, error.strerror))
    left = ends - time.time()
    if left <= 0:
        raise Failed("the token has ended: pbs-connector-setup credentials makes a new one")
    if not at_once and left > RENEWAL_SHARE * (ends - issued):
        return site.tell("the token of %s lasts %.1f h: not renewed yet" % (account.name, left / 3600))
    kubectl = Kubectl(site, program, account.kubeconfig)
    token = kubectl.request_token(account.name, round(ends - issued))
    if token is not None:
        write_private(account.token, token, account.user)
        site.tell("the token of %s is renewed: it lasts %.1f h" % (account.name, (token_times(token)[1] - time.time()) / 3600))


def _tell_certificate(site: Site, account: Account) -> None:
    path = str(account.certificate)
    answer = site.look(["openssl", "x509", "-in", path, "-noout", "-enddate"])
    if answer.status != 0:
        raise Failed("%s: %s" % (path, answer.words))
    ends = answer.output.strip().partition("=")[2]
    if site.look(["openssl", "x509", "-in", path, "-noout", "-checkend", str(CERTIFICATE_DAYS * 86400)]).status != 0:
        raise Failed("%s ends on %s: run pbs-connector-setup credentials --replace" % (path, ends))
    site.tell("%s lasts until %s" % (path, ends))
