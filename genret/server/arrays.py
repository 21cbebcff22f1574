"""Arrays in JSON: kind, shape, and their bytes in base64, so that every number arrives as it was sent."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from genret.ground.checks import shown
from genret.ground.errors import GenretError

KINDS = ("bool", "float32", "int64")


def packed(array: npt.NDArray[Any]) -> dict[str, Any]:
    """The array as JSON can hold it."""
    kind = str(array.dtype)
    assert kind in KINDS, f"an array of {kind} is not sent"
    return {"kind": kind, "shape": list(array.shape), "bytes": base64.b64encode(array.tobytes()).decode()}


def unpacked(value: Any, kind: str, dimensions: int) -> npt.NDArray[Any]:
    """What was packed; a GenretError if it is not an array of this kind with so many dimensions."""
    try:
        shape = value["shape"]
        fits = (
            value["kind"] == kind
            and len(shape) == dimensions
            and all(type(size) is int and size >= 0 for size in shape)
        )
        data = base64.b64decode(value["bytes"], validate=True)
        if fits and len(data) == math.prod(shape) * np.dtype(kind).itemsize:
            return np.frombuffer(data, kind).reshape(shape).copy()
    except (TypeError, KeyError, ValueError, binascii.Error):
        pass
    raise GenretError(f"array {shown(value)}: expected one of {kind} with {dimensions} dimensions")
