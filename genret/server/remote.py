"""A shard that a `genret serve --shard` elsewhere holds, asked over HTTP; replicas of it, if one does not answer.

`RemoteShard` is a `genret.pipeline.shard.Shard`; `answered` is what the server at the other end makes of a request.
Every request names the version that it wants an answer of, and gets it of that one or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import count
from typing import Any, TypeVar

import httpx
import numpy as np

from genret.ground.arrays import Floats, Ints
from genret.ground.checks import shown
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.lexical import Ceilings
from genret.pipeline.finding import Weights
from genret.pipeline.shard import Codes, Listed, Shard, ShardDown
from genret.search.beam import BeamSettings
from genret.search.parts import PartBeam
from genret.server import views
from genret.server.arrays import packed, unpacked

T = TypeVar("T")
ROUTE = "/v1/shard"
REST_SECONDS = 2.0
"""How long a server that did not answer is left alone."""
GONE = (404, 409, 421, 429, 499, 500, 502, 503, 504)
"""Statuses after which another replica may do better."""


class RemoteShard:
    """One shard of one version, at one or several addresses. Safe to share between threads."""

    def __init__(self, name: str, version: str, addresses: Sequence[str], client: httpx.Client) -> None:
        """`client`: shared by all shards; with the token, if the servers ask for one."""
        self.name, self.version, self.addresses = name, version, tuple(addresses)
        self._client, self._turn = client, count()
        self._rests: dict[str, float] = {}  # address -> until when it is left alone
        self.is_behind = False
        """Whether some replica answered last that it holds other versions only, and none that it holds this one."""

    def codes(self, where: str | None) -> Codes:
        def read(told: Any) -> Codes:
            return Codes(unpacked(told["prefixes"], "int64", 1), tuple(map(str, told["problems"])))

        return self._told(read, "codes", where=where)

    def beam(self, texts: Sequence[str], where: str | None, prefixes: Ints, width: int, k: int) -> PartBeam:
        asked = packed(prefixes)
        return self._told(_part_beam, "beam", texts=list(texts), where=where, prefixes=asked, width=width, k=k)

    def above(self, texts: Sequence[str], where: str | None, floors: Floats, settings: BeamSettings) -> Listed:
        asked = packed(np.asarray(floors, np.float32))
        return self._told(_listed, "above", texts=list(texts), where=where, floors=asked, beam=asdict(settings))

    def alone(self, texts: Sequence[str], where: str | None, settings: BeamSettings) -> Listed:
        return self._told(_listed, "alone", texts=list(texts), where=where, beam=asdict(settings))

    def ceilings(self) -> Ceilings:
        return self._told(_ceilings, "ceilings")

    def words(self, texts: Sequence[str], where: str | None, k: int) -> Listed:
        return self._told(_listed, "words", texts=list(texts), where=where, k=k)

    def neighbours(self, vectors: Floats, where: str | None, k: int) -> Listed:
        asked = packed(np.asarray(vectors, np.float32))
        return self._told(_listed, "neighbours", vectors=asked, where=where, k=k)

    def weights(self, texts: Sequence[str], vectors: Floats, positions: Ints) -> Weights:
        def read(told: Any) -> Weights:
            return Weights(*(unpacked(told[name], "float32", 2) for name in Weights._fields))

        asked = packed(np.asarray(vectors, np.float32))
        return self._told(read, "weights", texts=list(texts), vectors=asked, positions=packed(positions))

    def products(self, positions: Ints) -> tuple[list[Product], Ints]:
        def read(told: Any) -> tuple[list[Product], Ints]:
            return [Product.of(one) for one in told["products"]], unpacked(told["ids"], "int64", 2)

        return self._told(read, "products", positions=packed(positions))

    def _told(self, read: Callable[[Any], T], call: str, **values: Any) -> T:
        """What `read` makes of the answer; a shard of another genret, whose answers have another form, is down."""
        told = self._asked(call, **values)
        try:
            return read(told)
        except (GenretError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ShardDown(
                f"{self.name} answers {call!r} in a form that is not known here ({type(error).__name__}: {error}); "
                "run coordinator and shards on one version of genret"
            ) from None

    def _asked(self, call: str, **values: Any) -> Any:
        """What the first replica that can answers; by turns, those that did not answer lately last."""
        body, reasons = {"version": self.version, "call": call, **values}, []
        turn, now, behind = next(self._turn), time.monotonic(), False
        order = [self.addresses[(turn + one) % len(self.addresses)] for one in range(len(self.addresses))]
        for address in [one for one in order if self._rests.get(one, 0.0) <= now]:
            try:
                answer = self._posted(address.rstrip("/") + ROUTE, body)
            except httpx.HTTPError as error:
                self._rests[address] = time.monotonic() + REST_SECONDS
                reasons.append(f"{address}: {type(error).__name__}")
                continue
            if answer.status_code == 200:
                self.is_behind = False
                return self._read(answer, address)
            behind = behind or answer.status_code == 409
            reasons.append(f"{address}: {_said(answer)}")
            if answer.status_code not in GONE:
                raise GenretError(f"{self.name} at {reasons[-1]}")
        self.is_behind = behind
        resting = f"no answer in the last {REST_SECONDS:.0f} s from {', '.join(order)}"
        raise ShardDown(f"{self.name} does not answer ({'; '.join(reasons) or resting})")

    def _posted(self, url: str, body: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._client.post(url, json=body)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):  # a connection kept open, and cut since
            return self._client.post(url, json=body)

    def _read(self, answer: httpx.Response, address: str) -> Any:
        """The answer's JSON; what is none is as good as no answer."""
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not isinstance(told, dict) or told.get("version") != self.version:
            raise ShardDown(f"{self.name} at {address} answers what no genret serve --shard answers")
        return told


def answered(shard: Shard, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a shard to a request's body, as JSON. A GenretError for a body that asks for no such thing."""
    calls = {
        "codes": lambda: _json(shard.codes(body["where"])),
        "beam": lambda: _json(
            shard.beam(*_query(body), unpacked(body["prefixes"], "int64", 2), body["width"], body["k"])
        ),
        "above": lambda: _json(shard.above(*_query(body), unpacked(body["floors"], "float32", 1), _beam(body))),
        "alone": lambda: _json(shard.alone(*_query(body), _beam(body))),
        "ceilings": lambda: _json(shard.ceilings()),
        "words": lambda: _json(shard.words(*_query(body), body["k"])),
        "neighbours": lambda: _json(
            shard.neighbours(unpacked(body["vectors"], "float32", 2), body["where"], body["k"])
        ),
        "weights": lambda: _json(
            shard.weights(
                body["texts"], unpacked(body["vectors"], "float32", 2), unpacked(body["positions"], "int64", 2)
            )
        ),
        "products": lambda: _products_json(*shard.products(unpacked(body["positions"], "int64", 1))),
    }
    call = body.get("call")
    if not isinstance(call, str) or call not in calls:
        raise GenretError(f"call={shown(call)}: expected one of {', '.join(calls)}")
    try:
        return calls[call]()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise GenretError(f"{call}: not a request of a genret coordinator ({type(error).__name__}: {error})") from None


def _query(body: Mapping[str, Any]) -> tuple[list[str], str | None]:
    return body["texts"], body["where"]


def _beam(body: Mapping[str, Any]) -> BeamSettings:
    known = {one.name for one in fields(BeamSettings)}
    return BeamSettings(**{name: value for name, value in body["beam"].items() if name in known})


def _part_beam(told: Any) -> PartBeam:
    scores = [unpacked(one, "float32", 2) for one in told["scores"]]
    parents = [unpacked(one, "int64", 2) for one in told["parents"]]
    counts, positions = (unpacked(told[name], "int64", 2) for name in ("counts", "positions"))
    return PartBeam(scores, parents, unpacked(told["dropped"], "float32", 2), counts, positions)


def _ceilings(told: Any) -> Ceilings:
    words, most = tuple(map(str, told["words"])), unpacked(told["most"], "float32", 1)
    starts, prefixes = unpacked(told["starts"], "int64", 1), unpacked(told["prefixes"], "int64", 1)
    if not (len(words) == len(starts) - 1 and starts[-1] == len(most) == len(prefixes)):
        raise ValueError(f"{len(words)} words and {len(most)} ceilings do not fit together")
    return Ceilings(words, starts, prefixes, most)


def _json(told: Codes | PartBeam | Listed | Ceilings | Weights) -> dict[str, Any]:
    """What a shard answers, name by name: arrays, lists of arrays, and texts."""
    return {name: _value(value) for name, value in told._asdict().items()}


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return packed(value)
    return [_value(one) for one in value] if isinstance(value, list) else value


def _listed(told: Mapping[str, Any]) -> Listed:
    positions, scores = unpacked(told["positions"], "int64", 2), unpacked(told["scores"], "float32", 2)
    return Listed(positions, scores, unpacked(told["bound"], "float32", 1))


def _products_json(products: Sequence[Product], ids: Ints) -> dict[str, Any]:
    return {"products": [views.product_json(one) for one in products], "ids": packed(ids)}


def _said(answer: httpx.Response) -> str:
    """A refusal in its own words."""
    try:
        return str(answer.json()["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
