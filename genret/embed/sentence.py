"""A sentence-transformers model as it is: a hub name, a local folder, or a folder inside an installed package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genret.embed.embedder import Vectors, unit_rows
from genret.ground.artifacts import write_json
from genret.ground.errors import GenretError, require
from genret.ground.hardware import Arithmetic, choose_device, torch_dtype
from genret.ground.pretrained import model_folder
from genret.ground.progress import no_library_bars


class SentenceEmbedder:
    """A sentence-transformers model: hub name, local folder or `package:PKG/FOLDER`. Artifacts name it, no more.

    Products and queries go through the same `precision`, which the artifact records, on whatever machine.
    """

    def __init__(self, model: str, batch_size: int, precision: Arithmetic = "fp32") -> None:
        library = require("sentence_transformers", "embed")
        local = Path(model_folder(model)).expanduser()
        self.model, self.batch_size, self.precision = model, batch_size, precision
        device, dtype = choose_device(), torch_dtype(precision)
        try:
            with no_library_bars():
                self._encoder = library.SentenceTransformer(
                    str(local) if local.exists() else model, device=device, model_kwargs={"torch_dtype": dtype}
                )
        except Exception as error:  # the libraries below raise a dozen kinds
            raise GenretError(
                f"cannot load the embedding model {model!r} ({type(error).__name__}: {str(error)[:160]}); "
                "give 'lsa', a sentence-transformers folder, or a hub name that can be reached"
            ) from error

    @property
    def dim(self) -> int:
        return int(self._encoder.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        vectors = self._encoder.encode(
            list(texts), batch_size=self.batch_size, convert_to_numpy=True, show_progress_bar=False
        )
        return unit_rows(np.asarray(vectors, np.float32))

    encode_products = encode

    def query_bag(self) -> None:
        return None

    def save(self, folder: Path) -> None:
        own = {"model": self.model, "batch_size": self.batch_size, "precision": self.precision}
        write_json(folder / "embedder.json", {"kind": "sentence-transformers", **own})
