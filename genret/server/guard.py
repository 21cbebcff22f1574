"""Around every request: an id, a log line, who may ask, how much may be sent, and headers that keep browsers strict.

An ASGI middleware, so that bodies are counted as they come and a client that goes away is noticed.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from time import perf_counter, time
from traceback import format_exc
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genret.ground.stderr import write_line
from genret.server.metrics import Metrics
from genret.server.problem import Problem
from genret.server.settings import LOOPBACK, ServeSettings

OPEN = re.compile(r"/(health|ready)?|/static/[\w./-]+|/favicon\.ico")
"""Paths that tell nothing of the run: the explorer's files, and whether the server is well."""
REQUEST_ID = re.compile(r"[\w.:-]{1,64}")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
GONE = 499
"""The status in the log of a request whose client went away before there was an answer."""
DEFECT = "this is a defect of the server; its log says more under the request's id"
CHANGING = frozenset({"PUT", "PATCH", "DELETE"})

Log = Callable[[str, Mapping[str, Any]], None]


def log_line(event: str, fields: Mapping[str, Any]) -> None:
    """One JSON object on stderr: the time, what happened, and the rest. Never a query's text, never a token."""
    write_line(json.dumps({"time": round(time(), 3), "event": event, **fields}, default=str))


class Guard:
    """The middleware. `draining` is set once the server is told to end."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics, log: Log) -> None:
        self._app, self._settings, self._metrics, self._log = app, settings, metrics, log
        self.draining = False
        self.accepted = self.answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, headers = perf_counter(), Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex[:16]
        scope.setdefault("state", {})["request_id"] = request_id
        status = GONE
        self.accepted += 1

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(MutableHeaders(scope=message), request_id)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self.answered += 1

        try:
            problem = self._refusal(scope, headers)
            if problem is not None:
                await problem.response(request_id)(scope, receive, sending)
            else:
                await self._app(scope, self._counted(receive), sending)
        except Exception as error:  # a defect: said in the log, and to the client as far as that is still possible
            self._log("defect", {"id": request_id, "error": repr(error)[:500], "trace": format_exc()[-2000:]})
            if status != GONE:
                raise
            await Problem(500, "defect", DEFECT).response(request_id)(scope, receive, sending)
        finally:
            seconds = perf_counter() - started
            route = getattr(scope.get("route"), "path", "(none)")
            self._metrics.request(route, scope["method"], status, seconds)
            self._log(
                "request",
                {
                    "id": request_id,
                    "method": scope["method"],
                    "path": scope["path"][:200],
                    "status": status,
                    "ms": round(seconds * 1000, 2),
                    "client": (scope.get("client") or ("",))[0],
                },
            )

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        """Why the request is not let in: a foreign host name, no token, or a body that is too large."""
        access, limit = self._settings.access, self._settings.limits.body_bytes
        if not self._knows_host(headers.get("host", "")):
            return Problem(421, "unknown_host", "this server is not called by that name; start it with --allow-host")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > limit:
            return _too_long(limit)
        changing = is_change(scope["method"], scope["path"])
        wanted = access.change_token if changing else access.token
        if wanted is None or OPEN.fullmatch(scope["path"]) or scope["method"] == "OPTIONS":
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        good = [wanted] if changing else [token for token in (access.token, access.change_token) if token]
        if scheme.lower() == "bearer" and any(
            hmac.compare_digest(given.strip().encode(), token.encode()) for token in good
        ):
            return None
        name = "change token" if changing else "token"
        return Problem(401, "no_token", f"this route needs a {name} (Authorization: Bearer ...)", _BEARER)

    def _knows_host(self, host: str) -> bool:
        """On loopback only its own names are known, so that a page elsewhere can't reach it through a name of its."""
        if not self._settings.is_local:
            return True
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        return name.strip("[]").lower() in {*LOOPBACK, self._settings.host, *self._settings.access.hosts}

    def _counted(self, receive: Receive) -> Receive:
        """`receive`, with an end to how much comes."""
        seen, limit = 0, self._settings.limits.body_bytes

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise _too_long(limit)
            return message

        return counted

    def _add_headers(self, headers: MutableHeaders, request_id: str) -> None:
        headers["x-request-id"] = request_id
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
        if self.draining:
            headers["connection"] = "close"


def is_change(method: str, path: str) -> bool:
    """Whether a request would change something."""
    return method in CHANGING or (method == "POST" and path in ("/v1/rollback", "/v1/reload"))


def _too_long(limit: int) -> Problem:
    return Problem(413, "over_limit", f"the body is over the limit body_bytes, {limit:,}", {"connection": "close"})


_BEARER = {"www-authenticate": "Bearer"}
