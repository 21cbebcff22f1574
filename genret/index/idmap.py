"""The durable two-way map between semantic IDs and products, as marisa tries.

A semantic ID's key is one character per code, so that keys sort as IDs do; a product's record is its codes.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from pathlib import Path

import marisa_trie
import numpy as np
import numpy.typing as npt

from genret.ground.errors import GenretError
from genret.ground.types import SemanticId

PRODUCTS, IDS = "products.marisa", "ids.marisa"
SURROGATES = 0xD800, 0x800  # UTF-8 has no characters here


class IdMap:
    """Semantic ID -> the ids of its products; product id -> its semantic ID."""

    def __init__(self, of_product: marisa_trie.RecordTrie, of_id: marisa_trie.BytesTrie) -> None:
        self._of_product, self._of_id = of_product, of_id

    @classmethod
    def build(cls, ids: Sequence[str], codes: npt.NDArray[np.integer]) -> IdMap:
        """The map of N product ids and their (N, L) codes. A GenretError for an id that holds the character NUL."""
        check_ids(ids)
        rows = [tuple(row) for row in codes.tolist()]
        of_product = marisa_trie.RecordTrie(_record(codes.shape[1]), zip(ids, rows, strict=True))
        of_id = marisa_trie.BytesTrie((_key(row), one.encode()) for one, row in zip(ids, rows, strict=True))
        return cls(of_product, of_id)

    def __len__(self) -> int:
        """How many products."""
        return len(self._of_product)

    def __contains__(self, product_id: object) -> bool:
        return isinstance(product_id, str) and self.find(product_id) is not None

    def products(self, semantic_id: Iterable[int]) -> list[str]:
        """The ids of the products with this semantic ID, ascending; none if it is nobody's."""
        return sorted(value.decode() for value in self._of_id.get(_key(semantic_id), []))

    def semantic_id(self, product_id: str) -> SemanticId:
        """The semantic ID of a product; a GenretError if there is no such product."""
        found = self.find(product_id)
        if found is None:
            raise GenretError(f"no product {product_id!r} among the {len(self)} of this index")
        return found

    def find(self, product_id: str) -> SemanticId | None:
        """The semantic ID of a product, None if there is no such product."""
        found = self._of_product.get(product_id) if _can_be_asked(product_id) else None
        return tuple(found[0]) if found else None

    def find_all(self, product_ids: Sequence[str]) -> list[SemanticId | None]:
        """The semantic ID of each product, None for those that are not there."""
        if not _can_be_asked("".join(product_ids)):
            return [self.find(one) for one in product_ids]
        return [found[0] if found else None for found in map(self._of_product.get, product_ids)]

    def save(self, folder: Path) -> None:
        """Write the two tries into `folder`; an OSError if the disk refuses."""
        try:
            self._of_product.save(str(folder / PRODUCTS))
            self._of_id.save(str(folder / IDS))
        except RuntimeError:  # which does not say why
            raise OSError(errno.EIO, f"the disk refused {PRODUCTS} or {IDS}") from None

    @classmethod
    def open(cls, folder: Path, levels: int) -> IdMap:
        """The map that `save` wrote, memory-mapped."""
        try:
            of_product = marisa_trie.RecordTrie(_record(levels)).mmap(str(folder / PRODUCTS))
            return cls(of_product, marisa_trie.BytesTrie().mmap(str(folder / IDS)))
        except (RuntimeError, OSError) as error:
            raise GenretError(f"{folder}: cannot map its marisa tries ({error}); build the index again") from None


def check_ids(product_ids: Sequence[str]) -> None:
    """A GenretError unless marisa-trie can hold the ids: its records are wrong for keys with the character NUL."""
    if set(map(type, product_ids)) <= {str} and all(product_ids) and "\0" not in "".join(product_ids):
        return  # all at once
    for one in product_ids:
        if not isinstance(one, str) or not one or "\0" in one:
            raise GenretError(f"product id {one!r}: expected text of at least one character, and no NUL")


def _can_be_asked(product_id: str) -> bool:
    """Whether marisa-trie can look the id up; what it cannot is nobody's."""
    try:
        product_id.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in product_id


def _record(levels: int) -> str:
    """Codes of up to 65,536 values, little-endian."""
    return f"<{levels}H"


def _key(codes: Iterable[int]) -> str:
    start, width = SURROGATES
    return "".join(chr(code + 1 if code + 1 < start else code + 1 + width) for code in codes)
