"""A run folder, for every stage, study and verb: the one place that knows what lies where in a run.

`RunFolder("runs/mine").tokenized()` hands out checked parts that belong together. Nothing is kept in memory between
two calls, so a part that another process has made anew is read anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from genret.data.records import Dataset, load_dataset
from genret.ground.arrays import Codes, Floats
from genret.ground.artifacts import (
    MANIFEST,
    Artifact,
    check_lineage,
    copy_artifact,
    read_artifact,
    read_json,
    write_json,
)
from genret.ground.checks import whole
from genret.ground.errors import GenretError
from genret.ground.manifests import as_described
from genret.index.store import STORE

if TYPE_CHECKING:
    from genret.embed.embedder import Embedder
    from genret.index.index import Index
    from genret.model.plain import SearchModel
    from genret.model.seq2seq import GenretForConditionalGeneration
    from genret.tokenizer.judging.health import Health
    from genret.tokenizer.tokenizer import Tokenizer

Part: TypeAlias = Literal["data", "embeddings", "tokenizer", "model", "index"]

KINDS: dict[Part, str] = {
    "data": "dataset",
    "embeddings": "embeddings",
    "tokenizer": "tokenizer",
    "model": "model",
    "index": "index",
}
"""Folder of a part below the run -> kind of its artifact, in the order in which they are made."""
MADE_FROM: dict[Part, tuple[Part, ...]] = {"embeddings": ("data",), "tokenizer": ("data", "embeddings")}
"""What a part must have been made from, where it is handed out."""


class Embedded(NamedTuple):
    """A run up to its embeddings, of one lineage."""

    dataset: Dataset
    vectors: Floats
    """(N, D), memory-mapped, in catalogue order."""
    fingerprints: Mapping[str, str]
    """Kind of artifact -> its fingerprint: what a stage after these is made from."""


class Tokenized(NamedTuple):
    """A run up to its semantic IDs, of one lineage."""

    dataset: Dataset
    vectors: Floats
    """(N, D), memory-mapped, in catalogue order."""
    tokenizer: Tokenizer
    codes: Codes
    """(N, L), in catalogue order."""
    fingerprints: Mapping[str, str]
    """Kind of artifact -> its fingerprint: what a stage after these is made from."""


class RunFolder:
    """The parts of a run. A GenretError where one is missing, damaged, or made from another one than lies beside it.

    >>> dataset, vectors, tokenizer, codes, _ = RunFolder("runs/demo").tokenized()
    >>> len(dataset.catalogue) == len(vectors) == len(codes)
    True
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def existing(cls, path: str | Path) -> RunFolder:
        """The run at `path`; a GenretError if there is no such folder."""
        if not Path(path).is_dir():
            raise GenretError(f"{path}: no such run folder; make one with `genret demo` or `genret build`")
        return cls(path)

    def folder(self, part: Part) -> Path:
        return self.path / part

    @property
    def rejects(self) -> Path:
        """Where rows go that were left out of a file."""
        return self.path / "rejects.jsonl"

    @property
    def eval(self) -> Path:
        """Where evaluations are written."""
        return self.path / "eval"

    def artifact(self, part: Part, *, verify: bool = False) -> Artifact:
        """The manifest of a part (of an index, its current generation's), its lineage unchecked; with `verify`, its
        files checked against it."""
        if part == "index":
            from genret.index.build import current

            return current(self.folder(part), verify=verify)
        return read_artifact(self.folder(part), KINDS[part], verify=verify)

    def has(self, part: Part) -> bool:
        """Whether the part has been made."""
        names = (MANIFEST, STORE) if part == "index" else (MANIFEST,)
        return any((self.folder(part) / name).is_file() for name in names)

    def whole(self, part: Part) -> Artifact | None:
        """The artifact of a part if there is a whole one, else None: a broken one is to be made again."""
        try:
            return self.artifact(part, verify=True)
        except GenretError:
            return None

    def dataset(self) -> Dataset:
        return load_dataset(self.folder("data"))[0]

    def vectors(self) -> tuple[Floats, Artifact]:
        """The products' (N, D) embeddings, memory-mapped, and their artifact."""
        from genret.embed.catalogue import load_embeddings

        vectors, artifact = load_embeddings(self.folder("embeddings"))
        self._check_lineage("embeddings", artifact)
        return vectors, artifact

    def embedder(self) -> Embedder:
        """What made the embeddings."""
        from genret.embed.catalogue import load_embedder

        return load_embedder(self.folder("embeddings"))

    def embedded_fields(self) -> tuple[str, ...]:
        """The fields of a product whose text was embedded."""
        artifact = self.artifact("embeddings")
        with as_described(artifact.path):
            return tuple(artifact.settings["fields"])

    def tokenizer(self) -> tuple[Tokenizer, Codes, Artifact]:
        """The tokenizer, its catalogue's (N, L) codes, and their artifact."""
        from genret.tokenizer.tokenizer import load_tokenizer

        found = load_tokenizer(self.folder("tokenizer"))
        self._check_lineage("tokenizer", found[2])
        return found

    def health(self) -> Health:
        """The tokenizer's health as it was measured when the IDs were given."""
        from genret.tokenizer.judging.health import load_health

        return load_health(self.folder("tokenizer"))

    def embedded(self) -> Embedded:
        """The data and its embeddings."""
        dataset, data = load_dataset(self.folder("data"))
        vectors, artifact = self.vectors()
        return Embedded(dataset, vectors, _fingerprints(data, artifact))

    def tokenized(self) -> Tokenized:
        """The data, its embeddings and its semantic IDs."""
        dataset, vectors, fingerprints = self.embedded()
        tokenizer, codes, artifact = self.tokenizer()
        return Tokenized(dataset, vectors, tokenizer, codes, {**fingerprints, **_fingerprints(artifact)})

    def index(self) -> Index:
        """The index, open to readers and writers."""
        from genret.index.index import Index

        return Index.open(self.folder("index"))

    def index_lineage(self) -> str:
        """What the index was built from, as one value: the same however it is changed and compacted."""
        from genret.index.build import lineage

        return lineage(self.folder("index"))

    @property
    def version(self) -> str:
        """The fingerprints of the model and of what the index was built from, as they lie on disk.

        A compaction is no other version: an index that is open follows it by itself.
        """
        return f"{self.artifact('model').fingerprint[:16]}-{self.index_lineage()[:16]}"

    def searchable(self) -> tuple[SearchModel | GenretForConditionalGeneration, Any, Index, int]:
        """The model, its text tokenizer, the index of the same semantic IDs, and how wide a search is by default.

        The run's other parts may be absent, or be made anew meanwhile.
        """
        from genret.training.saved import load_for_search
        from genret.training.settings import ModelSettings

        model, text_tokenizer, artifact = load_for_search(self.folder("model"))
        index = self.index()
        if index.artifact.inputs.get("tokenizer") != artifact.inputs.get("tokenizer"):
            raise GenretError(
                f"{self.path}: model and index were made from different tokenizers; run `genret train` or "
                "`genret index`"
            )
        if index.artifact.inputs.get("model", artifact.fingerprint) != artifact.fingerprint:
            raise GenretError(f"{self.path}: its index was cut with another model (genret shards makes both)")
        with as_described(artifact.path):
            width = whole("beam_width", artifact.settings["model"].get("beam_width", ModelSettings.beam_width))
        return model, text_tokenizer, index, width

    def timings(self) -> dict[str, float]:
        """Seconds that each part took when it was made."""
        path = self.path / "timings.json"
        return dict(read_json(path)) if path.exists() else {}

    def note_time(self, part: Part, seconds: float) -> None:
        """Record how long making a part took."""
        write_json(self.path / "timings.json", {**self.timings(), part: seconds})

    def checkpoints(self, part: Part, made_from: Mapping[str, str]) -> Path:
        """A folder for the checkpoints of a part in the making; those of other inputs are never found there."""
        folder = self._checkpoints_of(part, made_from)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_checkpoints(self, part: Part, made_from: Mapping[str, str] | None = None) -> None:
        """Remove the checkpoints of a part that is whole: all, or only those of the inputs that it was made from."""
        every = self._all_checkpoints(part)
        shutil.rmtree(self._checkpoints_of(part, made_from) if made_from else every, ignore_errors=True)
        if every.is_dir() and not any(every.iterdir()):
            every.rmdir()

    def fork(self, path: str | Path) -> RunFolder:
        """A run at `path` with this one's data and embeddings (hard links where it can), to try another tokenizer."""
        fork = RunFolder(path)
        parts: tuple[Part, ...] = ("data", "embeddings")
        for part in parts:
            copy_artifact(self.artifact(part), fork.folder(part))
        return fork

    def _checkpoints_of(self, part: Part, made_from: Mapping[str, str]) -> Path:
        digest = hashlib.sha256(json.dumps(dict(made_from), sort_keys=True).encode()).hexdigest()[:16]
        return self._all_checkpoints(part) / digest

    def _all_checkpoints(self, part: Part) -> Path:
        return self.path / f".{part}.checkpoints"

    def _check_lineage(self, part: Part, artifact: Artifact) -> None:
        """A GenretError unless the artifact was made from what lies beside it; parts that are gone are not checked."""
        for source in MADE_FROM[part]:
            if self.has(source):
                check_lineage(artifact, KINDS[source], self.artifact(source))


def _fingerprints(*artifacts: Artifact) -> dict[str, str]:
    return {artifact.kind: artifact.fingerprint for artifact in artifacts}
