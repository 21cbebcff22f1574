"""The routes: each parses, asks the service, and formats. Nothing is computed here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from time import time
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Path, Query
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from genret import __version__
from genret.data.values import MAX_ID
from genret.ground.errors import GenretError
from genret.pipeline.stock import Stock
from genret.server import views, wire
from genret.server.catalogue import STATIC, Shelf, page_of, products_in
from genret.server.engine import Key, System, check
from genret.server.problem import Json, Problem, too_large
from genret.server.runs import Served
from genret.server.service import Service
from genret.server.settings import Limits
from genret.server.shard_runs import ShardServed

Codes = dict[int | str, dict[str, Any]]
ProductId = Annotated[str, Path(min_length=1, max_length=MAX_ID)]
Run = Annotated[str | None, Query(max_length=1000, description="One of the runs served; by default the first.")]


def _errors(*codes: int) -> Codes:
    return {code: {"model": wire.ErrorOut} for code in codes}


def searches(service: Service) -> APIRouter:
    """What goes through the model."""
    router, limits = APIRouter(tags=["search"]), service.settings.limits
    models = wire.requests_within(limits, service.settings.batching)
    errors = _errors(400, 415, 422, 429, 504)

    @router.post(
        "/v1/search",
        responses={200: {"model": wire.SearchOut}, **errors},
        openapi_extra=wire.body_schema(models.search),
        summary="Search: one query or several",
    )
    async def search(request: Request) -> Response:
        asked: Any = await wire.read(request, models.search)
        texts = [asked.query] if isinstance(asked.query, str) else asked.query
        good, bad = _sorted_out(texts, asked, limits)
        key = Key(**{name: getattr(asked, name) for name in Key._fields if hasattr(asked, name)})
        check(key)
        started = time()
        answers = await service.decode(request, key, good, asked.timeout_ms) if good else []
        found = iter(answers)
        results = [
            views.refused_json(text, bad[place]) if place in bad else views.found_json(next(found).value)
            for place, text in enumerate(texts)
        ]
        served = service.served.get(asked.run)
        head = {"run": served.name, "generation": served.generation} if not answers else {}
        return Json({"results": results, **head, **views.times_json(answers, started), **_id(request)})

    return router


def whys(service: Service) -> APIRouter:
    """What became of a product."""
    router, limits = APIRouter(tags=["search"]), service.settings.limits
    models = wire.requests_within(limits, service.settings.batching)
    errors = _errors(400, 415, 422, 429, 504)

    @router.post(
        "/v1/why-not",
        responses={200: {"model": wire.WhyNotOut}, 404: {"model": wire.ErrorOut}, **errors},
        openapi_extra=wire.body_schema(models.why_not),
        summary="What became of one product in a search",
    )
    async def why_not(request: Request) -> Response:
        asked: Any = await wire.read(request, models.why_not)
        problem = wire.unusable(asked.query, limits)
        if problem is not None:
            raise problem
        service.check_ready()
        if asked.product_id not in service.runs.get(asked.run).retriever.index.snapshot():
            raise _no_product(asked.product_id)
        key = Key(asked.run, asked.k, asked.beam_width, asked.where, why_not=asked.product_id)
        (answer,) = await service.decode(request, key, [asked.query], asked.timeout_ms)
        return Json({**views.why_json(answer.value), **_id(request)})

    return router


def lookups(service: Service) -> APIRouter:
    """What the index says without a search."""
    router = APIRouter(tags=["catalogue"])
    errors = _errors(404, 422)

    @router.get("/v1/products/{product_id:path}", responses={200: {"model": wire.ProductPage}, **errors})
    async def product(product_id: ProductId, run: Run = None) -> Response:
        """A product, its semantic ID, and the products next to it in ID order."""
        service.check_ready()
        served = service.runs.get(run)
        if product_id not in served.retriever.index.snapshot():
            raise _no_product(product_id)
        return Json(await run_in_threadpool(page_of, served, product_id))

    @router.get("/v1/ids", responses={200: {"model": wire.PrefixOut}, **errors})
    async def root(run: Run = None) -> Response:
        """What lies below the root: the whole catalogue, and the codes of L1."""
        service.check_ready()
        return Json(await run_in_threadpool(lambda: views.meaning_json(service.runs.meanings(run).of(()))))

    @router.get("/v1/ids/{prefix}", responses={200: {"model": wire.PrefixOut}, **errors})
    async def below(
        prefix: Annotated[str, Path(pattern=r"^\d{1,6}(-\d{1,6}){0,15}$", examples=["17-203"])], run: Run = None
    ) -> Response:
        """What lies below a prefix of semantic IDs, and what it means: `17-203`."""
        service.check_ready()
        codes = tuple(map(int, prefix.split("-")))
        meanings = await run_in_threadpool(service.runs.meanings, run)
        try:
            return Json(await run_in_threadpool(lambda: views.meaning_json(meanings.of(codes))))
        except GenretError as error:
            raise Problem(404, "no_prefix", str(error)) from None

    @router.get("/v1/facets", responses={200: {"model": wire.FacetsOut}, **errors})
    async def facets(run: Run = None) -> Response:
        """What can be filtered by: values of a sample of the catalogue, the commonest first."""
        service.check_ready()
        return Json(await run_in_threadpool(lambda: views.facets_json(service.runs.meanings(run).facets)))

    return router


def changes(service: Service) -> APIRouter:
    """Products that come and go. Off unless the settings say otherwise."""
    router, limits = APIRouter(tags=["changes"]), service.settings.limits
    models = wire.requests_within(limits, service.settings.batching)
    shelf, errors = Shelf(service.runs), _errors(400, 403, 404, 415, 422)
    changed: Codes = {200: {"model": wire.ChangedOut}, **errors}

    async def make(request: Request, change: Callable[[Stock], dict[str, int]]) -> Response:
        """One change at a time, off the event loop."""
        async with service.changing:
            done = await run_in_threadpool(lambda: change(shelf.stock()))
        return Json({"inserted": 0, "updated": 0, "unchanged": 0, "removed": 0, **done, **_id(request)})

    @router.put("/v1/products", responses=changed, openapi_extra=wire.body_schema(models.put))
    async def put_products(request: Request) -> Response:
        """Add products, or replace those with the same ids. They can be found at once."""
        _check_changes(service)
        asked: Any = await wire.read(request, models.put)
        rows = [row.model_dump(exclude_unset=True) for row in asked.products]
        return await make(request, lambda stock: stock.put(products_in(rows, stock.run.path))._asdict())

    @router.patch("/v1/products", responses=changed, openapi_extra=wire.body_schema(models.patch))
    async def patch_products(request: Request) -> Response:
        """Change price, stock, stores or popularity of products, and nothing else of them."""
        _check_changes(service)
        asked: Any = await wire.read(request, models.patch)
        patches = {row.id: row.fields() for row in asked.products}
        if len(patches) < len(asked.products):
            raise Problem(422, "bad_request", "products: an id is given twice; give each once")
        _check_known(service, patches)
        return await make(request, lambda stock: stock.patch(patches)._asdict())

    @router.delete("/v1/products", responses=changed)
    async def delete_products(request: Request, id: Annotated[list[str], Query(min_length=1)]) -> Response:
        """Take products out, all or none: `?id=10234&id=10235`."""
        return await remove(request, id)

    @router.delete("/v1/products/{product_id:path}", responses=changed)
    async def delete_product(request: Request, product_id: ProductId) -> Response:
        """Take one product out."""
        return await remove(request, [product_id])

    async def remove(request: Request, ids: list[str]) -> Response:
        _check_changes(service)
        if len(ids) > limits.products:
            raise too_large("id", f"{len(ids):,} ids", limits.products, "products")
        _check_known(service, ids)
        return await make(request, lambda stock: {"removed": len(stock.remove(ids).removed)})

    return router


def versions(service: Service) -> APIRouter:
    """Versions that are taken up or given up. Off unless the settings say otherwise."""
    router, errors = APIRouter(tags=["changes"]), _errors(400, 403, 404, 415, 422)

    @router.post("/v1/reload", responses={200: {"model": wire.VersionOut}, **errors})
    async def reload() -> Response:
        """Look for newer artifacts now, rather than in a few seconds."""
        _check_changes(service)
        await run_in_threadpool(service.runs.poll)
        return Json(_version(service))

    @router.post("/v1/rollback", responses={200: {"model": wire.VersionOut}, **errors, **_errors(409)})
    async def rollback(run: Run = None) -> Response:
        """Go back to the version served before, in every worker, and don't take up the present one again."""
        _check_changes(service)
        served = service.runs.get(run)
        if service.runs.previous(served.name) is None:
            raise Problem(409, "no_previous", f"run {served.name!r} has served one version only")
        await run_in_threadpool(service.runs.rollback, run)
        return Json(_version(service))

    return router


def status(service: Service) -> APIRouter:
    """How the server is, what it serves, and the explorer."""
    router = APIRouter(tags=["status"])

    @router.get("/", include_in_schema=False)
    async def explorer() -> Response:
        return FileResponse(STATIC / "index.html")

    @router.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return FileResponse(STATIC / "icon.svg")

    @router.get("/health", responses={200: {"model": wire.HealthOut}})
    async def health() -> Response:
        """Whether the process answers."""
        return Json({"status": "ok"})

    @router.get("/ready", responses={200: {"model": wire.HealthOut}})
    async def ready() -> Response:
        """Whether searches are answered: after the first search, until the server is told to end."""
        service.check_ready()
        if service.draining:
            raise Problem(503, "draining", "the server is about to end", {"retry-after": "5"})
        return Json({"status": "ready"})

    @router.get("/info", responses={200: {"model": wire.InfoOut}})
    async def info() -> Response:
        """What is served, and within which limits."""
        service.check_ready()
        settings = service.settings
        return Json(
            {
                "version": __version__,
                "process": os.getpid(),
                "seconds": round(time() - service.started, 1),
                "runs": [_described(service.served.get(name)) for name in service.served.names],
                "limits": {**vars(settings.limits), **vars(settings.batching)},
                "systems": list(get_args(System)),
                "changes": settings.access.changes,
            }
        )

    @router.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _sorted_out(texts: list[str], asked: Any, limits: Limits) -> tuple[list[str], dict[int, str]]:
    """The texts that can be searched, and why the others cannot; a single one that cannot is refused."""
    if len(texts) > 1 and asked.explain:
        raise Problem(422, "bad_request", f"explain: got {len(texts)} queries, expected one")
    if not 1 <= len(texts) <= limits.queries:
        got = "no query, expected one at least" if not texts else f"{len(texts)} queries"
        raise Problem(422, "over_limit", f"query: got {got}, the limit queries is {limits.queries}")
    good, bad = list[str](), dict[int, str]()
    for place, text in enumerate(texts):
        problem = wire.unusable(text, limits)
        if problem is None:
            good.append(text)
        elif isinstance(asked.query, str):
            raise problem
        else:
            bad[place] = problem.message
    return good, bad


def _check_changes(service: Service) -> None:
    service.check_ready()
    if not service.settings.access.changes:
        raise Problem(403, "no_changes", "this server changes nothing; start it with --changes")


def _check_known(service: Service, ids: Iterable[str]) -> None:
    index = service.runs.get().retriever.index.snapshot()
    missing = next((one for one in ids if one not in index), None)
    if missing is not None:
        raise _no_product(missing)


def _described(served: Served | ShardServed) -> dict[str, Any]:
    return served.to_json() if isinstance(served, ShardServed) else views.served_json(served)


def _version(service: Service) -> dict[str, Any]:
    return {"runs": [views.served_json(service.runs.get(name)) for name in service.runs.names]}


def _id(request: Request) -> dict[str, str]:
    return {"request_id": request.state.request_id}


def _no_product(product_id: str) -> Problem:
    return Problem(404, "no_product", f"no product {product_id[:100]!r} in this index")
