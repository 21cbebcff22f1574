"""A refusal in words: status, a code for machines, one sentence for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response


class Problem(Exception):
    """What a request is refused with."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})

    def response(self, request_id: str) -> Response:
        """The refusal as JSON: `{"error": {"code", "message", "request_id"}}`."""
        error = {"code": self.code, "message": printable(self.message), "request_id": request_id}
        return Json({"error": error}, self.status, self.headers)


class Json(JSONResponse):
    """JSON in UTF-8: no NaN, and an escape only for what UTF-8 cannot hold."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")

    def __init__(self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status_code, headers)


def too_large(what: str, got: object, limit: int, name: str) -> Problem:
    """Over a limit: what, how much, and the limit by its name."""
    return Problem(422, "over_limit", f"{what}: got {got}, the limit {name} is {limit}")


def printable(text: str) -> str:
    """The text with nothing in it that UTF-8 cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
