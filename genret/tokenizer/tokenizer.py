"""The trained tokenizer: embeddings -> semantic IDs and back, saved and loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file, save_file

from genret.ground.arrays import Codes, Floats
from genret.ground.artifacts import Artifact, read_artifact, read_json, write_artifact, write_json
from genret.ground.errors import GenretError
from genret.ground.files import write_npy
from genret.ground.hardware import record
from genret.ground.manifests import described
from genret.ground.settings import make_settings, settings_dict
from genret.tokenizer.rqvae import RQVAE
from genret.tokenizer.settings import TokenizerSettings

KIND = "tokenizer"
CHUNK = 8192
"""Rows that are encoded in one go, on one machine or on several: always the same ones."""
IDS_OF_A_GROUP = 1 << 18


class Tokenizer:
    """A trained RQ-VAE (or a baseline in its shape) with the settings and the course of its training.

    >>> tokenizer, codes, _ = load_tokenizer("runs/demo/tokenizer")
    >>> tokenizer.encode(np.zeros((2, tokenizer.dim))).shape
    (2, 4)
    """

    def __init__(self, model: RQVAE, settings: TokenizerSettings, history: Sequence[Mapping[str, Any]] = ()) -> None:
        self.model = model.eval().requires_grad_(False)
        self.settings = settings
        self.history = list(history)

    def __repr__(self) -> str:
        return f"Tokenizer({self.dim} -> {self.codebook_sizes}, {self.settings.objective}, lam={self.settings.lam})"

    @property
    def dim(self) -> int:
        """D, the width of the embeddings it reads."""
        return self.model.dim

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Codes per level, coarse to fine, before any suffix that a collision policy adds."""
        return self.model.quantizer.sizes

    @property
    def codebooks(self) -> list[Floats]:
        """L codebooks (K_l, d) in latent space; an ID's latent is the sum of its codewords."""
        return [codebook.detach().numpy().copy() for codebook in self.model.quantizer.codebooks]

    def latent(self, embeddings: npt.ArrayLike) -> Floats:
        """(N, d) latents of (N, D) embeddings, before quantisation."""
        parts = [self.model.latent(chunk).numpy() for chunk in self._chunks(embeddings)]
        return np.concatenate(parts) if parts else np.zeros((0, self.model.latent_dim), np.float32)

    def encode(self, embeddings: npt.ArrayLike) -> Codes:
        """(N, L) int64 codes of (N, D) embeddings, of new products too. Raises GenretError on a wrong width or NaN."""
        parts = [self.model.encode(chunk).numpy() for chunk in self._chunks(embeddings)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.codebook_sizes)), np.int64)

    def decode(self, codes: npt.ArrayLike) -> Floats:
        """(N, D) float32 embeddings that (N, l) codes stand for; levels beyond the codebooks (a suffix) are ignored."""
        array = np.asarray(codes, np.int64)[:, : len(self.codebook_sizes)]
        if (array < 0).any() or (array >= np.asarray(self.codebook_sizes[: array.shape[1]])).any():
            raise GenretError(
                f"codes out of range for codebooks of sizes {self.codebook_sizes}; pass this tokenizer's codes"
            )
        with torch.inference_mode():
            parts = [self.model.decode(torch.from_numpy(array[i : i + CHUNK])) for i in range(0, len(array), CHUNK)]
        return torch.cat(parts).numpy() if parts else np.zeros((0, self.dim), np.float32)

    def _chunks(self, embeddings: npt.ArrayLike) -> Iterator[torch.Tensor]:
        array = check_embeddings(embeddings, self.dim)
        with torch.inference_mode():
            for start in range(0, len(array), CHUNK):
                yield torch.from_numpy(array[start : start + CHUNK])


def check_embeddings(embeddings: npt.ArrayLike, dim: int | None = None) -> Floats:
    """`embeddings` as contiguous (N, D) float32; a GenretError if they are not finite, or not of width `dim`."""
    array = np.ascontiguousarray(embeddings, dtype=np.float32)
    if array.ndim != 2 or (dim is not None and array.shape[1] != dim):
        wanted = "(N, D)" if dim is None else f"(N, {dim})"
        raise GenretError(f"embeddings of shape {array.shape}; expected {wanted}: embed with the tokenizer's embedder")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise GenretError(
            f"embeddings: {int((~finite).sum())} rows hold NaN or infinity, the first is row {row}; embed again"
        )
    return array


def save_tokenizer(
    tokenizer: Tokenizer,
    codes: npt.ArrayLike,
    product_ids: Iterable[str],
    path: str | Path,
    inputs: Mapping[str, str] | None = None,
    *,
    health: Mapping[str, Any] | None = None,
) -> Artifact:
    """Write the tokenizer and its catalogue's semantic IDs as an artifact at `path`.

    `codes` (N, L), or (N, L + 1) with a suffix, row by row those of `product_ids`; both may lie on disk, and are then
    not held whole. `inputs`: fingerprints of the artifacts it was made from.
    """
    array = np.asarray(codes) if isinstance(codes, np.ndarray) else np.asarray(codes, np.int64)
    if array.ndim != 2:
        raise GenretError(f"codes of shape {array.shape}; expected (N, L), one row per product")
    config = {
        "dim": tokenizer.dim,
        "hidden": tokenizer.model.hidden,
        "latent_dim": tokenizer.model.latent_dim,
        "codebook_sizes": list(tokenizer.codebook_sizes),
        "id_sizes": list(id_sizes(array, tokenizer.codebook_sizes)),
        "history": tokenizer.history,
    }
    with write_artifact(path, KIND, settings_dict(tokenizer.settings), inputs, hardware=record()) as folder:
        state = {name: tensor.contiguous() for name, tensor in tokenizer.model.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        write_json(folder / "config.json", config)
        write_npy(folder / "codes.npy", [array], array.shape, np.int32)
        written = _write_ids(folder / "ids.parquet", product_ids)
        if written != len(array):
            raise GenretError(f"codes of shape {array.shape} for {written} products; expected one row per product")
        write_json(folder / "health.json", dict(health or {}))
    return read_artifact(path, KIND)


def _write_ids(path: Path, ids: Iterable[str]) -> int:
    """Write product ids as a column, a row group at a time; how many they are."""
    schema, written, rest = pa.schema([("id", pa.string())]), 0, iter(ids)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while part := list(islice(rest, IDS_OF_A_GROUP)):
            writer.write_table(pa.table({"id": pa.array(part, pa.string())}))
            written += len(part)
    return written


@described
def load_tokenizer(path: str | Path) -> tuple[Tokenizer, Codes, Artifact]:
    """The tokenizer at `path`, its catalogue's (N, L) int64 codes, and the checked artifact."""
    artifact = read_artifact(path, KIND)
    config = read_json(artifact.file("config.json"))
    settings = make_settings(TokenizerSettings, artifact.settings)
    model = RQVAE(config["dim"], config["codebook_sizes"], config["latent_dim"], config["hidden"])
    model.load_state_dict(load_file(artifact.file("model.safetensors")))
    codes = np.load(artifact.file("codes.npy"), allow_pickle=False).astype(np.int64)
    return Tokenizer(model, settings, config["history"]), codes, artifact


def load_product_ids(artifact: Artifact) -> list[str]:
    """The product ids of a tokenizer artifact, row by row those of its codes."""
    return list(pq.read_table(artifact.file("ids.parquet"))["id"].to_pylist())


def id_sizes(codes: npt.NDArray[np.integer], codebook_sizes: Sequence[int]) -> tuple[int, ...]:
    """Codes per level of finished IDs: the codebooks', and where there is a suffix, as many as it uses."""
    extra = codes.shape[1] - len(codebook_sizes)
    suffix = [int(codes[:, len(codebook_sizes) + i].max(initial=0)) + 1 for i in range(extra)]
    return (*codebook_sizes, *suffix)
