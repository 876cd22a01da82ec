"""Starting and stopping: a socket, uvicorn around the application, and an orderly end on SIGTERM or SIGINT.

On the first signal nothing new is taken in and accepted requests are answered; then connections close and the process
ends with status 0, having said how many examples it accepted and answered. A second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from tinytorch.serving import ServingError, need
from tinytorch.serving.app import build
from tinytorch.serving.guard import Guard
from tinytorch.serving.service import Service, Settings

BACKLOG = 1024
IDLE = 30  # seconds that a connection is kept without a request
IN_THE_DOOR = 0.3  # seconds for requests that were on the way when the service stopped listening


def serve(
    root: Path, name: str, host: str, port: int, settings: Settings, token: str | None = None, leash: bool = False
) -> None:
    """Serve a model until told to stop.

    Args:
        root: the registry's folder. name: the model's name in it.
        port: 0 takes a free one; the address is printed.
        leash: stop as soon as standard input closes: whoever started this process is gone.

    Raises:
        ServingError: the address cannot be used, or there is nothing to serve.
    """
    guard = Guard(host, token)
    for module in ("fastapi", "uvicorn", "prometheus_client"):
        need(module)
    with _listen(host, port) as listening:
        asyncio.run(_serve(root, name, settings, guard, listening, leash))


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; connections that come while the model is loaded wait."""
    made = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol said, asyncio switches Nagle's algorithm off on its connections. Otherwise an answer's body
        # waits for the client to acknowledge its head, which takes 40 ms.
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError as error:
        if made is not None:
            made.close()
        raise ServingError(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port") from error
    return made


async def _serve(
    root: Path, name: str, settings: Settings, guard: Guard, listening: socket.socket, leash: bool
) -> None:
    service = Service(root, name, settings, guard)
    await service.start()
    server = _server(service)
    loop = asyncio.get_running_loop()
    stopping = _Stopping(service, server, listening)
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stopping.begin)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.begin))
    if leash:
        threading.Thread(target=_hold, args=(loop, stopping), daemon=True).start()
    host, port = listening.getsockname()[:2]
    print(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    await server._serve(sockets=[listening])
    await service.stop()
    said = f"stopped: accepted {service.batcher.accepted} examples, answered {service.batcher.answered}"
    print(said, flush=True)


def _hold(loop: asyncio.AbstractEventLoop, stopping: _Stopping) -> None:
    """Wait in a thread for the end of standard input."""
    while os.read(0, 1024):
        pass
    loop.call_soon_threadsafe(stopping.begin)


def _server(service: Service) -> Any:
    """uvicorn, without its own signal handlers and access log."""
    uvicorn = need("uvicorn")
    config = uvicorn.Config(
        build(service),
        log_level="warning",
        access_log=False,
        lifespan="off",
        loop="asyncio",
        backlog=BACKLOG,
        timeout_keep_alive=IDLE,
        server_header=False,
        # A connection that is slow to take its answer holds the end up no longer than this.
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


class _Stopping:
    """What signals do."""

    def __init__(self, service: Service, server: Any, listening: socket.socket):
        self.service, self.server, self.listening = service, server, listening
        self._draining: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._draining is not None:
            self.server.should_exit = self.server.force_exit = True
            return
        print("stopping: accepted requests are answered, new ones refused", file=sys.stderr, flush=True)
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        """Until here connections were taken and refused in words. Now the door closes, and nobody may stand in it."""
        await self.service.drain()
        late = self._close_door()
        await asyncio.gather(*late, asyncio.sleep(IN_THE_DOOR), return_exceptions=True)
        self.server.should_exit = True

    def _close_door(self) -> list[Any]:
        """Stop listening. The system has connections ready that nobody took yet, and closing would cut them off while
        their requests are on the way: they are taken and answered here."""
        asyncio.get_running_loop().remove_reader(self.listening.fileno())
        late = []
        while True:
            try:
                connection, _ = self.listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                break
            connection.setblocking(False)
            late.append(asyncio.wait_for(_refuse(connection), IN_THE_DOOR))
        for one in self.server.servers:
            one.close()
        return late


async def _refuse(connection: socket.socket) -> None:
    """Answer whatever comes on a connection as a stopping service does."""
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d{1,9})\r\n", head)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        await writer.drain()
    finally:
        writer.close()
