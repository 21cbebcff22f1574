"""Category paths as numbers: what losses, samples and measures group products by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genret.ground.types import CategoryPath


def path_numbers(paths: Sequence[CategoryPath]) -> npt.NDArray[np.int64]:
    """(N,) one number per distinct path, in the order of their first occurrence; -1 for the empty one."""
    known: dict[CategoryPath, int] = {}
    return np.asarray([known.setdefault(path, len(known)) if path else -1 for path in paths], np.int64)
