"""The route of a server that holds a shard: what a coordinator asks of it, of the version that it names."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from genret.pipeline.shard import LocalShard
from genret.server import wire
from genret.server.problem import Json, Problem
from genret.server.remote import ROUTE, answered
from genret.server.service import Service


class ShardIn(BaseModel):
    """What every request of a coordinator has; the rest is the call's own."""

    model_config = ConfigDict(extra="allow", strict=True)
    version: str = Field(max_length=100)
    call: str = Field(max_length=20)
    texts: list[str] = Field(default=[], max_length=1000)
    where: str | None = Field(None, max_length=100_000)
    k: int = Field(10, ge=1, le=100_000)
    width: int = Field(10, ge=1, le=1 << 30)


def shard_routes(service: Service) -> APIRouter:
    """For `genret serve --shard`."""
    router, held = APIRouter(tags=["shard"]), dict[str, LocalShard]()
    turn, waiting = asyncio.Semaphore(1), [0]

    def shard_of(version: str) -> LocalShard:
        """The shard of this version, which is served now or was before; a Problem if it is neither."""
        served = service.runs.holding(version)
        if served is None:
            raise Problem(409, "other_generation", f"version {version[:80]!r} is not held here")
        if version not in held:
            known = {one: shard for one, shard in held.items() if service.runs.holding(one)}
            held.clear()
            held.update({**known, version: LocalShard(served.name, served.retriever)})
        return held[version]

    @router.post(ROUTE, include_in_schema=False)
    async def ask(request: Request) -> Response:
        service.check_ready()
        asked = await wire.read(request, ShardIn)
        if waiting[0] >= service.settings.batching.max_queue:
            raise Problem(429, "full", "too many requests are waiting", {"retry-after": "1"})
        waiting[0] += 1
        try:
            async with turn:  # the model uses all the threads that this process has
                told: dict[str, Any] = await run_in_threadpool(
                    lambda: answered(shard_of(asked.version), asked.model_dump())
                )
        finally:
            waiting[0] -= 1
        return Json({**told, "version": asked.version})

    return router
