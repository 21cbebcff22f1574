"""The application: what starts and ends with it, its refusals in words, and the documents about it.

`create_app(settings)` is an ASGI application for any server; `genret.server.process` runs it with uvicorn.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from genret import __version__
from genret.ground.errors import GenretError
from genret.ground.hardware import use_threads
from genret.pipeline.shard import ShardDown
from genret.server.batching import BatchQueue, NoWatcher
from genret.server.catalogue import STATIC
from genret.server.engine import Engine, Found, Key
from genret.server.guard import Guard, log_line
from genret.server.metrics import Metrics
from genret.server.problem import Problem
from genret.server.routes import changes, lookups, searches, status, versions, whys
from genret.server.runs import Runs
from genret.server.service import Service
from genret.server.settings import ServeSettings
from genret.server.shard_routes import shard_routes
from genret.server.shard_runs import ShardRuns
from genret.server.wire import ErrorOut

DESCRIPTION = (
    "Generative product retrieval: search spells products that exist, and certifies what the model ranks first."
)


def create_app(settings: ServeSettings) -> FastAPI:
    """The service over `settings.runs`, which are loaded once it starts."""
    service = _service(settings)
    app = FastAPI(
        title="genret",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # its pages load scripts from another host
        redoc_url=None,
        lifespan=_lifespan(service),
        responses={code: {"model": ErrorOut} for code in (401, 413, 421, 503)},
    )
    app.state.service = service
    routers = [searches(service), status(service)]
    if not settings.at:
        routers += [whys(service), lookups(service), changes(service), versions(service)]
    if settings.shard:
        routers.append(shard_routes(service))
    for router in routers:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _describe(app)
    handlers: dict[type[Exception], Any] = {
        Problem: _problem,
        ShardDown: _shard_down,
        GenretError: _fault,
        HTTPException: _http,
        RequestValidationError: _invalid,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    if settings.access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.access.origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "x-request-id"],
        )
    app.add_middleware(_guarded(service))
    return app


def _describe(app: FastAPI) -> None:
    """Say in the OpenAPI document that a bearer token may be asked for."""
    made = app.openapi

    def described() -> dict[str, Any]:
        document = made()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["bearer"] = {"type": "http", "scheme": "bearer"}
        document["security"] = [{}, {"bearer": []}]
        return document

    app.openapi = described  # type: ignore[method-assign]


def _service(settings: ServeSettings) -> Service:
    metrics = Metrics()
    runs: Runs | ShardRuns
    if settings.at:
        runs = ShardRuns(settings.runs[0], settings.at, settings.when_down, metrics, log_line)
    else:
        runs = Runs(settings.runs, settings.device, settings.control, metrics, log_line)
    engine = Engine(runs, metrics)
    queue = BatchQueue[Key, Found](engine, settings.batching, metrics)
    aside = BatchQueue[Key, Found](engine, replace(settings.batching, max_queue=16, max_batch=1), NoWatcher())
    return Service(settings, metrics, runs, {"bm25": aside, "dense": aside}, queue, log_line)


def _guarded(service: Service) -> Any:
    """The guard as a middleware that the service can tell of its end."""

    def make(app: Any) -> Guard:
        service.guard = Guard(app, service.settings, service.metrics, service.log)
        return service.guard

    return make


def _lifespan(service: Service) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for queue in service.all_queues:
            queue.start()
        loading = asyncio.create_task(_load(service))
        _drain_on_sigterm(service)
        yield
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading
        for queue in service.all_queues:
            await queue.stop()
        guard = service.guard
        counts = {"accepted": guard.accepted, "answered": guard.answered} if guard else {}
        service.log("stopped", counts)

    return lifespan


async def _load(service: Service) -> None:
    """Load the runs, then look for newer ones as long as the application lives."""
    try:
        await asyncio.to_thread(_loaded, service)
    except Exception as error:
        service.failure = str(error)
        service.log("load_failed", {"error": str(error)})
        signal.raise_signal(signal.SIGTERM)
        return
    service.log("ready", {"runs": service.served.names})
    service.ready.set()
    while service.settings.reload_seconds:
        await asyncio.sleep(service.settings.reload_seconds)
        try:
            await asyncio.to_thread(service.served.poll)
        except Exception as error:  # whatever it is, what is loaded goes on serving
            service.log("poll_failed", {"error": repr(error)})


def _loaded(service: Service) -> None:
    if service.settings.threads is not None:
        use_threads(service.settings.threads)
    service.served.load()


def _drain_on_sigterm(service: Service) -> None:
    """On SIGTERM say that no more should come, go on answering for a while, and only then end."""
    if threading.current_thread() is not threading.main_thread():
        return  # in a test, or embedded: whoever runs the loop ends it
    before = signal.getsignal(signal.SIGTERM)
    loop = asyncio.get_running_loop()

    def drain(number: int, frame: FrameType | None) -> None:
        if callable(before):
            again = service.draining or not service.settings.drain_seconds
            loop.call_soon_threadsafe(
                loop.call_later, 0 if again else service.settings.drain_seconds, before, number, None
            )
        if not service.draining:
            service.drain()
            loop.call_soon_threadsafe(
                service.log, "draining", {"waiting": sum(queue.waiting for queue in service.all_queues)}
            )

    signal.signal(signal.SIGTERM, drain)


async def _problem(request: Request, error: Problem) -> Response:
    return error.response(request.state.request_id)


async def _fault(request: Request, error: GenretError) -> Response:
    return Problem(422, "bad_request", str(error)).response(request.state.request_id)


async def _shard_down(request: Request, error: ShardDown) -> Response:
    return Problem(503, "shard_down", str(error), {"retry-after": "2"}).response(request.state.request_id)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return Problem(422, "bad_request", f"{place}: {first['msg']}").response(request.state.request_id)


async def _http(request: Request, error: HTTPException) -> Response:
    words = {404: "no such route", 405: "this route has no such method"}
    message = f"{words.get(error.status_code, str(error.detail))}; see /openapi.json"
    return Problem(error.status_code, "http", message, error.headers).response(request.state.request_id)
