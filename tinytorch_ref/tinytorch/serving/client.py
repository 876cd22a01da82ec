"""As much HTTP as the load generator needs: requests over kept connections, on asyncio's streams, to this machine only.

A general client retries by itself, which is just what a measurement must not do: here a request that was sent and got
no answer is `Lost`, and whoever counts hears of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tinytorch.serving import ServingError
from tinytorch.serving.guard import is_loopback

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unreachable(ConnectionError):
    """Nobody takes connections there: nothing was sent."""


class Lost(ConnectionError):
    """A request was sent, and the connection ended without an answer."""


@dataclass(frozen=True)
class Answer:
    """A response. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.body)


@dataclass
class Client:
    """A service on this machine, and connections to it that are kept for the next request.

    Args:
        url: http://HOST:PORT; the host has to be loopback.
        most: connections at once, at most; a request beyond that waits for one.
    """

    url: str
    most: int = 64
    _free: list[Streams] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ServingError(f"{self.url} is no address: {error}") from error
        if parts.scheme != "http" or port is None:
            raise ServingError(f"{self.url} is no address of a service; give one such as http://127.0.0.1:8000")
        if not is_loopback(host):
            raise ServingError(f"{host} is not this machine; load is only put on services that run here")
        self.host, self.port = "127.0.0.1" if host == "localhost" else host, port
        self._room = asyncio.Semaphore(self.most)

    async def get(self, path: str) -> Answer:
        """GET a path."""
        return await self.send(self.encode("GET", path))

    async def post(self, path: str, data: Any) -> Answer:
        """POST data as JSON."""
        return await self.send(self.encode("POST", path, json.dumps(data).encode()))

    def encode(self, method: str, path: str, body: bytes = b"") -> bytes:
        """A whole request as bytes, so that one that is sent often is made once."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n"
        if method == "POST":
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    async def send(self, request: bytes) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            Unreachable: there was no connection to be had. Lost: it was sent, but the connection ended.
        """
        async with self._room:
            reader, writer = await self._connection()
            keep = False
            try:
                writer.write(request)
                await writer.drain()
                answer = await _read(reader)
                keep = answer.headers.get("connection", "").lower() != "close"
                return answer
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                raise Lost(f"no answer: {type(error).__name__}") from error
            finally:
                if keep:
                    self._free.append((reader, writer))
                else:
                    writer.close()

    async def _connection(self) -> Streams:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            return await asyncio.open_connection(self.host, self.port)
        except OSError as error:
            raise Unreachable(f"{self.url} takes no connections") from error

    def close(self) -> None:
        """End all kept connections."""
        for _, writer in self._free:
            writer.close()
        self._free.clear()


async def _read(reader: asyncio.StreamReader) -> Answer:
    """One response, whose length is announced (all of the service's are)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(head[0].split()[1]), headers, body)
