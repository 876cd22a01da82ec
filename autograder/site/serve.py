"""Showing a built site on this machine, for oneself: a course publishes the folder with a real web server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from autograder.errors import UserError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Every request on the terminal would hide the address."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the folder, for this machine only; port 0 takes a free one."""
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error


def serve(folder: Path, port: int, tell: Callable[[str], None]) -> None:
    """Serve until interrupted."""
    with server(folder, port) as serving:
        tell(f"http://127.0.0.1:{serving.server_address[1]}/ shows the site; Ctrl-C ends")
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            tell("stopped")
