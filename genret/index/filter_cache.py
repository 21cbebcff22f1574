"""The compiled filters that are kept for the next search, by their text form."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from genret.search.trie import Allowed

CACHE_BYTES = 256 << 20
"""What the compiled filters that are kept for the next search may take."""


class FilterCache:
    """The filters used last, by their text form, up to a number of bytes. Safe to share between threads."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._filters: OrderedDict[str, Allowed] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str) -> Allowed | None:
        with self._lock:
            if text in self._filters:
                self._filters.move_to_end(text)
            return self._filters.get(text)

    def put(self, text: str, allowed: Allowed) -> Allowed:
        with self._lock:
            self._bytes += allowed.nbytes - (self._filters[text].nbytes if text in self._filters else 0)
            self._filters[text] = allowed
            self._filters.move_to_end(text)
            while self._bytes > self._max_bytes and len(self._filters) > 1:
                self._bytes -= self._filters.popitem(last=False)[1].nbytes
        return allowed
