"""genret: generative product retrieval, from a catalogue to provably exact answers.

The root holds what a user needs: read data, build a run, load it, search with filters, change it, evaluate it. The
exports load on first use, so that `import genret` and `genret --help` stay light.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from genret.ground.lazy import lazy
from genret.ground.moved import Moved

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genret.data.folders import read_files_dataset as read_files_dataset
    from genret.data.records import Catalogue as Catalogue
    from genret.data.records import Dataset as Dataset
    from genret.embed.settings import EmbedSettings as EmbedSettings
    from genret.eval.evaluation import evaluate_run as evaluate_run
    from genret.ground.errors import GenretError as GenretError
    from genret.ground.types import Hit as Hit
    from genret.ground.types import Judgement as Judgement
    from genret.ground.types import Product as Product
    from genret.ground.types import Query as Query
    from genret.ground.types import SearchResult as SearchResult
    from genret.index.filters import column as column
    from genret.index.filters import named as named
    from genret.pipeline.build import BuildSettings as BuildSettings
    from genret.pipeline.build import build_run as build_run
    from genret.pipeline.retriever import Retriever as Retriever
    from genret.pipeline.stock import put_products as put_products
    from genret.pipeline.stock import remove_products as remove_products
    from genret.tokenizer.settings import TokenizerSettings as TokenizerSettings
    from genret.training.settings import ModelSettings as ModelSettings
    from genret.training.settings import TrainSettings as TrainSettings

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "BuildSettings": "genret.pipeline.build",
        "Catalogue": "genret.data.records",
        "Dataset": "genret.data.records",
        "EmbedSettings": "genret.embed.settings",
        "GenretError": "genret.ground.errors",
        "Hit": "genret.ground.types",
        "Judgement": "genret.ground.types",
        "ModelSettings": "genret.training.settings",
        "Product": "genret.ground.types",
        "Query": "genret.ground.types",
        "Retriever": "genret.pipeline.retriever",
        "SearchResult": "genret.ground.types",
        "TokenizerSettings": "genret.tokenizer.settings",
        "TrainSettings": "genret.training.settings",
        "build_run": "genret.pipeline.build",
        "column": "genret.index.filters",
        "evaluate_run": "genret.eval.evaluation",
        "named": "genret.index.filters",
        "put_products": "genret.pipeline.stock",
        "read_files_dataset": "genret.data.folders",
        "remove_products": "genret.pipeline.stock",
    },
)
__all__ += ["__version__"]

if not any(isinstance(finder, Moved) for finder in sys.meta_path):
    sys.meta_path.append(Moved())
