"""What goes over the wire: requests checked against the limits, and the shapes of the answers for the OpenAPI document.

Requests are read here rather than by the framework, so that a lone surrogate, a thousand brackets or a wrong type is
one clear sentence, and one bad query of many does not cost the others their answers.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from genret.data.values import MAX_ID
from genret.server.engine import System
from genret.server.problem import Problem, printable, too_large
from genret.server.settings import Batching, Limits

M = TypeVar("M", bound=BaseModel)
PATTERN = r"\S"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Requests(NamedTuple):
    """The models of what may be asked, with a server's limits in them."""

    search: type[BaseModel]
    why_not: type[BaseModel]
    put: type[BaseModel]
    patch: type[BaseModel]


def requests_within(limits: Limits, batching: Batching) -> Requests:
    """The request models of a server with these limits."""

    class Put(Strict):
        """Products to be added, or to take the place of those with the same ids."""

        products: list[ProductIn] = Field(min_length=1, max_length=limits.products)

    class Patch(Strict):
        """Fields of products that are no part of their text, by id."""

        products: list[PatchIn] = Field(min_length=1, max_length=limits.products)

    return Requests(_search_within(limits, batching), _why_not_within(limits, batching), Put, Patch)


def _search_within(limits: Limits, batching: Batching) -> type[BaseModel]:
    class Search(Strict):
        """One query or several, and how to search."""

        query: str | list[str] = Field(
            description="A query, or a list of them. In a list, one that cannot be searched has an `error` of its own.",
            json_schema_extra={
                "anyOf": [
                    {"type": "string", "minLength": 1, "maxLength": limits.query_chars, "pattern": PATTERN},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": limits.queries},
                ]
            },
            examples=["marinara sauce"],
        )
        k: int = Field(10, ge=1, le=limits.k, description="Products wanted.")
        beam_width: int | None = Field(None, ge=1, le=limits.beam_width, description="Prefixes kept at each level.")
        where: str | None = Field(
            None, max_length=limits.where_chars, description='A filter: price < 5 and brand = "Acme".'
        )
        exact: bool = Field(
            False, description="Search on until the answer is certified: the model scores no product higher."
        )
        max_per_prefix: int | None = Field(
            None, ge=1, le=limits.k, description="At most so many products that share L1-L2."
        )
        rescore: bool | float = Field(
            False,
            description="Order the beam's products by the cosine of their embeddings with the query's; a number is the "
            "weight of the log-probability beside it.",
            json_schema_extra={"anyOf": [{"type": "boolean"}, {"type": "number", "minimum": 0, "maximum": 1000}]},
        )
        explain: bool = Field(False, description="Also the beam: every prefix kept and pruned. One query only.")
        system: System = Field(
            "auto",
            description="genret: the beam alone. hybrid: fused with BM25. bm25, dense: without the beam. "
            "auto: as the run would have it.",
        )
        run: str | None = Field(None, max_length=1000, description="One of the runs served; by default the first.")
        timeout_ms: int = Field(
            batching.deadline_ms, ge=1, le=batching.max_deadline_ms, description="When to give up (504)."
        )

    return Search


def _why_not_within(limits: Limits, batching: Batching) -> type[BaseModel]:
    class WhyNot(Strict):
        """A product, and the search that should have found it."""

        query: str = Field(min_length=1, max_length=limits.query_chars, pattern=PATTERN)
        product_id: str = Field(min_length=1, max_length=MAX_ID)
        k: int = Field(10, ge=1, le=limits.k)
        beam_width: int | None = Field(None, ge=1, le=limits.beam_width)
        where: str | None = Field(None, max_length=limits.where_chars)
        run: str | None = Field(None, max_length=1000)
        timeout_ms: int = Field(batching.deadline_ms, ge=1, le=batching.max_deadline_ms)

    return WhyNot


class ProductIn(Strict):
    """A product as `genret build` reads one."""

    id: str = Field(min_length=1, max_length=MAX_ID, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\S[^\x00-\x1f\x7f-\x9f]*$")
    title: str = Field(min_length=1, max_length=10_000, pattern=PATTERN)
    category: list[str] = Field(default=[], max_length=20)
    brand: str = Field("", max_length=1_000)
    description: str = Field("", max_length=100_000)
    attributes: dict[str, str] = Field(default={}, max_length=200)
    price: float | None = Field(None, ge=0, le=1e12, allow_inf_nan=False)
    available: bool = True
    stores: list[str] = Field(default=[], max_length=10_000)
    popularity: float = Field(1.0, gt=0, le=1e12, allow_inf_nan=False)
    numbers: dict[str, float] = Field(default={}, max_length=200)


class PatchIn(Strict):
    """What is to be changed of one product; what is left out stays."""

    id: str = Field(min_length=1, max_length=MAX_ID)
    price: float | None = Field(None, ge=0, le=1e12, allow_inf_nan=False)
    available: bool = True
    stores: list[str] = Field(default=[], max_length=10_000)
    popularity: float = Field(1.0, gt=0, le=1e12, allow_inf_nan=False)

    def fields(self) -> dict[str, Any]:
        """The fields that were given."""
        given = self.model_dump(exclude_unset=True, exclude={"id"})
        return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


class ProductOut(BaseModel):
    id: str
    title: str
    category: list[str]
    brand: str
    description: str
    attributes: dict[str, str]
    price: float | None
    available: bool
    stores: list[str]
    popularity: float
    numbers: dict[str, float] = {}


class HitOut(BaseModel):
    rank: int
    score: float
    semantic_id: list[int]
    product: ProductOut


class NodeOut(BaseModel):
    prefix: list[int]
    state: Literal["kept", "pruned", "filtered"]
    score: float
    products: int
    total: int


class CertificateOut(BaseModel):
    proven: bool
    least: float | None
    bound: float | None


class BeamOut(BaseModel):
    nodes: list[NodeOut]
    certificate: CertificateOut
    kept: list[int] = Field(description="Prefixes kept at each level, shown or not.")


class ResultOut(BaseModel):
    query: str
    hits: list[HitOut]
    exact: bool = Field(description="Certified: the model scores no other allowed product higher.")
    corrected: str | None = Field(None, description="The query as it was read, where not as typed.")
    unknown: list[str] = Field([], description="Its words that neither products nor shoppers know.")
    error: str | None = Field(None, description="Why this query of several was not searched.")
    missing: list[str] = Field([], description="Shards that did not answer: what they hold is not in here.")
    beam: BeamOut | None = None


class SearchOut(BaseModel):
    results: list[ResultOut]
    run: str
    generation: int
    took_ms: float
    times_ms: dict[str, float] = Field(description="queue, tokenize, encode, decode, rank: of the batch.")
    batch: int = Field(description="Queries decoded together, of all requests.")
    request_id: str


class StepOut(BaseModel):
    prefix: list[int]
    score: float
    worst_kept: float | None
    kept: bool


class WhyNotOut(BaseModel):
    product: ProductOut
    semantic_id: list[int]
    outcome: Literal["hit", "below", "pruned", "filtered"]
    steps: list[StepOut]
    left_at: int | None
    short_by: float | None
    rank: int | None
    request_id: str


class NeighbourOut(BaseModel):
    semantic_id: list[int]
    product: ProductOut


class ProductPage(BaseModel):
    product: ProductOut
    semantic_id: list[int]
    neighbours: list[NeighbourOut] = Field(description="The products next to it in ID order.")
    substitutes: list[str] | None = Field(description="Ids of its true substitutes, where the run's data names them.")


class ShareOut(BaseModel):
    name: str
    share: float


class ChildOut(BaseModel):
    code: int
    products: int


class PrefixOut(BaseModel):
    prefix: list[int]
    products: int
    ids: int
    categories: list[ShareOut]
    brands: list[ShareOut]
    words: list[ShareOut]
    children: list[ChildOut]
    examples: list[ProductOut]


class FacetsOut(BaseModel):
    categories: list[ShareOut]
    brands: list[ShareOut]
    stores: list[ShareOut]
    attributes: list[ShareOut]
    prices: list[float] | None


class ChangedOut(BaseModel):
    inserted: int
    updated: int
    unchanged: int
    removed: int
    request_id: str


class ServedOut(BaseModel):
    name: str
    generation: int = Field(description="Of its index.")
    version: str
    products: int
    ids: int
    levels: int
    codebook_sizes: list[int]
    beam_width: int
    since: float
    shards: int | None = Field(None, description="How many it is in, where it is in shards.")
    shards_asked: float | None = Field(None, description="Of these, asked by a search on average.")


class VersionOut(BaseModel):
    runs: list[ServedOut]


class InfoOut(VersionOut):
    version: str
    process: int
    seconds: float
    limits: dict[str, float]
    systems: list[str]
    changes: bool


class HealthOut(BaseModel):
    status: str


class ErrorBody(BaseModel):
    code: str
    message: str
    request_id: str


class ErrorOut(BaseModel):
    error: ErrorBody


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI text of a JSON body that a route reads itself, with nothing in it that refers elsewhere."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            name = value.get("$ref", "").rpartition("/")[2]
            return whole(parts[name]) if name in parts else {key: whole(part) for key, part in value.items()}
        return [whole(part) for part in value] if isinstance(value, list) else value

    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole(schema)}}}}


async def read(request: Request, model: type[M]) -> M:
    """The request's JSON as a `model`. A Problem: 415 for another type, 400 for no JSON, 422 for what does not fit."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "not_json", f"content-type {kind or '(none)'!r}; send application/json")
    try:
        value = json.loads(await request.body(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise Problem(400, "bad_json", f"the body is not valid JSON: {reason}") from None
    if not isinstance(value, dict):
        raise Problem(422, "bad_request", "the body is JSON, but not an object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Problem(422, "bad_request", _sentence(error)) from None


def unusable(text: str, limits: Limits) -> Problem | None:
    """Why a text is no query; None if it is one."""
    if len(text) > limits.query_chars:
        return too_large("query", f"{len(text):,} characters", limits.query_chars, "query_chars")
    if not text.strip():
        return Problem(422, "bad_request", "query: got no word, expected at least one")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return Problem(422, "bad_request", f"query: character {error.start + 1} is half of a pair (a lone surrogate)")
    return None


def _sentence(error: ValidationError) -> str:
    """The first thing that does not fit, and how many more."""
    errors = error.errors(include_url=False, include_context=False, include_input=True)
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"][:4]) or "body"
    got = "" if first["type"] in ("missing", "extra_forbidden") else f", got {_short(first['input'])}"
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return printable(f"{place}: {first['msg']}{got}{more}")


def _short(value: Any) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 60 else f"{shown[:50]}... ({len(shown):,} characters)"


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")
