"""The server process, or several: uvicorn over one socket, each worker with its own model over the same mapped arrays.

`serve(settings)` returns when the server has ended; a GenretError says why it could not start.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import multiprocess

from genret.ground.errors import GenretError
from genret.ground.hardware import cores
from genret.index.shards import read_shards
from genret.pipeline.folder import RunFolder
from genret.server.metrics import MULTIPROCESS
from genret.server.settings import VARIABLE, ServeSettings

KEEP_ALIVE_SECONDS = 30
LAST_CALL_SECONDS = 3.0
"""How long open connections may still ask, once the server is to end; it ends before where none is left."""
GRACE_SECONDS = 60
"""How long requests that were accepted may still take once the server is to end."""


def serve(settings: ServeSettings, started: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT; `started` is told the port as soon as it is listened to."""
    signal.signal(signal.SIGTERM, _end)
    for run in settings.runs:
        if settings.at:
            read_shards(run)
        else:
            _check_run(run)
    with TemporaryDirectory(prefix="genret-serve-") as folder, _listening(settings) as sock:
        settings = replace(settings, control=Path(folder), threads=settings.threads or _share(settings.workers))
        os.environ[VARIABLE] = settings.to_json()
        started(int(sock.getsockname()[1]))
        if settings.workers == 1:
            _single(settings, sock)
        else:
            counters = Path(folder) / "metrics"
            counters.mkdir()
            os.environ[MULTIPROCESS] = str(counters)
            multiprocess.Process = _Worker  # type: ignore[misc]  # by this name the supervisor makes its workers
            _Workers(_config("genret.server.process:from_environment", settings), sockets=[sock]).run()


def from_environment() -> FastAPI:
    """The application of a worker process."""
    from genret.server.app import create_app

    return create_app(ServeSettings.from_environment())


def _end(number: int, frame: FrameType | None) -> None:
    """SIGTERM is how a server is meant to end: leave through the front door, so that what was made is cleared away."""
    raise SystemExit(0)


def _single(settings: ServeSettings, sock: socket.socket) -> None:
    from genret.server.app import create_app

    app = create_app(settings)
    with suppress(SystemExit):  # uvicorn raises the signal that ended it once more
        _Server(_config(app, settings)).run(sockets=[sock])
    if app.state.service.failure:
        raise GenretError(app.state.service.failure)


class _Server(uvicorn.Server):
    """Ends in two steps: nobody new is let in, and who has a connection is told that it closes with the next answer."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.server_state.default_headers.append((b"connection", b"close"))
        connected = [taken for one in sockets or [] for taken in _waiting(one)]  # closing would cut these off
        for server in self.servers:
            server.close()
        for taken in connected:
            await loop.connect_accepted_socket(self._protocol, taken)
        end = loop.time() + LAST_CALL_SECONDS
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes one for each connection."""
        kind: Any = self.config.http_protocol_class
        made: asyncio.Protocol = kind(self.config, self.server_state, self.lifespan.state)
        return made


class _Worker(multiprocess.Process):
    """A worker process that ends as a single server does."""

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = _Server(self.config)
        return self._server


class _Workers(multiprocess.Multiprocess):
    """The supervisor. At the end it lets go of the socket first, so that the last worker closes it for good."""

    def terminate_all(self) -> None:
        for sock in self.sockets:
            sock.close()
        super().terminate_all()


def _waiting(listening: socket.socket) -> list[socket.socket]:
    """The connections that clients have made and nobody has accepted yet."""
    taken: list[socket.socket] = []
    listening.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            taken.append(listening.accept()[0])
            taken[-1].setblocking(False)
    return taken


def _config(app: FastAPI | str, settings: ServeSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=60,
        h11_max_incomplete_event_size=64 << 10,
        lifespan="on",
        ws="none",
    )


def _listening(settings: ServeSettings) -> socket.socket:
    """The socket, bound; a GenretError if the address cannot be had."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, settings.port))
        sock.listen(2048)
        sock.set_inheritable(True)
    except OSError as error:
        raise GenretError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror or error}); give another --port"
        ) from None
    return sock


def _check_run(run: Path) -> None:
    """A GenretError, before anything is started, if a run is no run."""
    if not run.is_dir():
        raise GenretError(f"{run}: no such run folder; make one with `genret demo` or `genret build`")
    folder = RunFolder(run)
    folder.artifact("model")
    folder.artifact("index")


def _share(workers: int) -> int:
    """Each worker's share of the cores that this process may use."""
    return max(1, cores() // workers)
