"""Collisions resolved group by group: products that share an ID share L1, so ranges of L1 codes are independent.

The group of a range holds its own products' codes and latents, and no others'.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Ints
from genret.ground.files import whole_file
from genret.pipeline.distributed.blocks import Blocks, L1Range
from genret.pipeline.distributed.encoding import opened_tokenizer
from genret.tokenizer.assign import reassign, with_suffix
from genret.tokenizer.judging.usage import Given, Usage, given
from genret.tokenizer.tokenizer import Tokenizer


class GroupsJob(NamedTuple):
    """Nearest codes to be made IDs."""

    nearest: Path
    """Of the (N, L) codes, as `np.save` writes them."""
    latents: Blocks
    tokenizer: Path
    folder: Path
    """Of the groups' files."""

    def file(self, group: L1Range) -> Path:
        return self.folder / f"{group.first:06d}-{group.stop:06d}.npz"


class Group(NamedTuple):
    """What became of a range of L1 codes."""

    rows: Ints
    """(n,) of the catalogue, ascending."""
    codes: npt.NDArray[np.int32]
    """(n, L), or (n, L + 1) with a suffix."""
    given: Given


def resolve_group(job: GroupsJob, group: L1Range) -> str:
    """The IDs of a range of L1 codes under the tokenizer's collision policy, into the group's file."""
    if load_group(job, group) is None:
        nearest = np.load(job.nearest, mmap_mode="r", allow_pickle=False)
        rows = group.rows(nearest)
        before = np.asarray(nearest[rows], np.int64)
        tokenizer = opened_tokenizer(job.tokenizer)
        codes = _resolved(tokenizer, before, job.latents, rows)
        done = given(before, codes, tokenizer.codebook_sizes)
        with whole_file(job.file(group)) as temporary, open(temporary, "wb") as file:
            np.savez(file, rows=rows, codes=codes.astype(np.int32), **_arrays(done))
    return str(job.file(group))


def groups_apart(tokenizer: Tokenizer) -> bool:
    """Whether L1 ranges are independent: an ID moves at its last two levels, which must not be L1."""
    return len(tokenizer.codebook_sizes) > 2 or tokenizer.settings.collisions != "reassign"


def load_group(job: GroupsJob, group: L1Range) -> Group | None:
    """A group's file; None where it is not there, or cut off."""
    try:
        with np.load(job.file(group), allow_pickle=False) as arrays:
            held = dict(arrays)
        return Group(held["rows"], held["codes"], _given(held))
    except (OSError, ValueError, KeyError, EOFError):
        return None
    except Exception as error:  # a zip file's own kinds
        if type(error).__name__ != "BadZipFile":
            raise
        return None


def _resolved(tokenizer: Tokenizer, codes: Ints, latents: Blocks, rows: Ints) -> Ints:
    policy = tokenizer.settings.collisions
    if policy == "suffix":
        return with_suffix(codes)
    if policy == "reassign":
        return reassign(codes, latents.taken(rows), tokenizer.codebooks)
    return codes


def _arrays(done: Given) -> dict[str, Any]:
    found: dict[str, Any] = {"moved": np.int64(done.moved)}
    for name, counted in (("nearest", done.nearest), ("given", done.codes)):
        found |= {f"{name}_{level}": counts for level, counts in enumerate(counted.counts)}
        found[f"{name}_prefixes"] = np.array(counted.prefixes, np.int64)
        found[f"{name}_sizes"] = np.array(sorted(counted.bucket_sizes.items()), np.int64).reshape(-1, 2)
    return found


def _given(held: dict[str, Any]) -> Given:
    return Given(_usage(held, "nearest"), _usage(held, "given"), int(held["moved"]))


def _usage(held: dict[str, Any], name: str) -> Usage:
    prefixes: Sequence[int] = held[f"{name}_prefixes"].tolist()
    counts = tuple(held[f"{name}_{level}"] for level in range(len(prefixes)))
    return Usage(counts, tuple(prefixes), {size: count for size, count in held[f"{name}_sizes"].tolist()})
