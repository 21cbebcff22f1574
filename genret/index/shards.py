"""An index in shards by L1 range: who has which L1 codes, and how a catalogue is cut into such ranges.

`ranges(counts, 16)` cuts; `write_shards` says what was made, once all of it is; `read_shards(folder)` hands that out,
checked. Below the folder, `shard-00` and on are ordinary runs, and `head` is one without products: the model,
how queries are read, and nothing to find.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Ints
from genret.ground.artifacts import read_artifact, write_artifact
from genret.ground.checks import whole
from genret.ground.errors import GenretError
from genret.ground.manifests import as_described

KIND = "shards"
HEAD = "head"


class Range(NamedTuple):
    """L1 codes from `start` on, `stop` not among them."""

    start: int
    stop: int


class Shard(NamedTuple):
    """One shard: a run folder below that of all shards."""

    name: str
    start: int
    """The first L1 code that is its own."""
    stop: int
    """The first that is not any more."""
    products: int
    ids: int
    version: str
    """Of its run, as `RunFolder.version` tells it: what a server must hold to answer for this generation."""


class Shards(NamedTuple):
    """All shards of one generation, in the order of their L1 codes."""

    path: Path
    generation: int
    digest: str
    """Of what they were made from and how they are cut: two generations that share it hold the same."""
    codebook_sizes: tuple[int, ...]
    head: str
    """The version of the run without products."""
    shards: tuple[Shard, ...]

    @property
    def products(self) -> int:
        return sum(shard.products for shard in self.shards)

    @property
    def starts(self) -> Ints:
        """(S,) how many products lie in the shards before each, so that a product has one place in all."""
        return np.cumsum([0, *(shard.products for shard in self.shards[:-1])])

    @property
    def owners(self) -> Ints:
        """(K_1,) the shard of each L1 code."""
        return np.repeat(np.arange(len(self.shards)), [shard.stop - shard.start for shard in self.shards])

    def folder(self, shard: Shard) -> Path:
        return self.path / shard.name


def ranges(counts: npt.ArrayLike, shards: int) -> list[Range]:
    """(K_1,) products of each L1 code -> as many ranges as asked for, alike in products as far as whole codes allow.

    Together they cover all codes. A GenretError if fewer codes have products than there are to be shards.
    """
    products = np.asarray(counts, np.int64)
    used = np.flatnonzero(products)
    if not 1 <= whole("count", shards) <= max(1, len(used)):
        raise GenretError(
            f"count={shards}: the products lie below {len(used)} L1 codes, and a shard has at least one of them; "
            f"give at most {max(1, len(used))}"
        )
    total = np.cumsum(products[used])
    cuts = [0]
    for number in range(1, shards):
        wanted = total[-1] * number / shards
        nearest = int(np.abs(total - wanted).argmin()) + 1
        cuts.append(min(max(nearest, cuts[-1] + 1), len(used) - (shards - number)))
    bounds = [0, *(int(used[cut]) for cut in cuts[1:]), len(products)]
    return [Range(start, stop) for start, stop in itertools.pairwise(bounds)]


def digest_of(made_from: Mapping[str, str], cut: Sequence[Range]) -> str:
    """`Shards.digest` of what the shards are made from (kind of artifact -> fingerprint) and of how they are cut."""
    text = json.dumps([sorted(made_from.items()), [list(one) for one in cut]])
    return hashlib.sha256(text.encode()).hexdigest()


def shard_name(number: int) -> str:
    return f"shard-{number:02d}"


def write_shards(shards: Shards) -> Shards:
    """Say at `shards.path` what was made, once every shard is whole: from then on this is the generation to search."""
    settings = {
        "generation": shards.generation,
        "digest": shards.digest,
        "codebook_sizes": list(shards.codebook_sizes),
        "head": shards.head,
        "shards": [shard._asdict() for shard in shards.shards],
    }
    with write_artifact(shards.path / KIND, KIND, settings, durable=True):
        pass
    return read_shards(shards.path)


def read_shards(folder: str | Path) -> Shards:
    """What `write_shards` wrote; a GenretError if it is missing, was changed, or does not cover the L1 codes once."""
    artifact = read_artifact(Path(folder) / KIND, KIND)
    with as_described(artifact.path):
        said = artifact.settings
        sizes = tuple(whole("codebook size", size) for size in said["codebook_sizes"])
        shards = tuple(Shard(**shard) for shard in said["shards"])
        found = Shards(
            Path(folder), whole("generation", said["generation"]), said["digest"], sizes, said["head"], shards
        )
        bounds = [0, *(shard.stop for shard in shards)]
        if bounds != [*(shard.start for shard in shards), sizes[0]] or bounds != sorted(set(bounds)) or not shards:
            raise GenretError(f"{artifact.path}: its shards do not cover the {sizes[0]} L1 codes once; make it again")
    return found


def made_before(folder: Path) -> Shards | None:
    """The shards that lie at `folder`; None where there are none yet. A GenretError if what lies there is damaged."""
    return read_shards(folder) if (folder / KIND).exists() else None
