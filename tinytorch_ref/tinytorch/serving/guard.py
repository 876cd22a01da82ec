"""Who may change the version that is served.

On loopback whoever has an account on the machine may, and nobody else: a request has to name this machine as its host
and must not come from another site's page, so that a page in the user's own browser cannot press the button. On any
other address a token is asked for; without one the service does not start there.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from tinytorch.serving import ServingError
from tinytorch.serving.inputs import Refused

NAMES = ("localhost",)
LEAST = 16  # characters of a token


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, is this machine alone."""
    if host.lower() in NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Checks requests that change something.

    Raises:
        ServingError: the host is not loopback and there is no token, or the token is too short.
    """

    def __init__(self, host: str, token: str | None):
        self.local, self.token = is_loopback(host), token or None
        if not self.local and self.token is None:
            raise ServingError(
                f"{host} can be reached from other machines: give a token of at least {LEAST} characters in"
                " TINYTORCH_SERVE_TOKEN, which promoting and rolling back will ask for, or serve on 127.0.0.1"
            )
        if self.token is not None and (len(self.token) < LEAST or not self.token.isascii()):
            raise ServingError(f"TINYTORCH_SERVE_TOKEN needs at least {LEAST} ASCII characters")

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refused with 421 if the request came by a foreign name: a page may point its own name at this machine."""
        name = _host(headers.get("host", ""))
        if self.local and not is_loopback(name):
            raise Refused(421, "header Host", "this machine's own name, such as localhost", name or "nothing")

    def check(self, headers: Mapping[str, str]) -> None:
        """Refused with 401 or 403 unless the request may change something."""
        self.check_host(headers)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise Refused(403, "header Origin", "the page of this service, or none", origin[:80])
        if self.token is None:
            return
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
            wanted = "'Bearer' and the token that the service was started with"
            was = "another token" if given else "nothing"
            raise Refused(401, "header Authorization", wanted, was, {"WWW-Authenticate": "Bearer"})


def _host(header: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
