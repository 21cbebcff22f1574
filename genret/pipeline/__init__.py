"""A run: its stages, its products that come and go, and the retriever that searches it.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.data.engagement import co_engaged as co_engaged
    from genret.pipeline.retriever import Retriever as Retriever
    from genret.pipeline.stages import data_stage as data_stage
    from genret.pipeline.stages import embed_stage as embed_stage
    from genret.pipeline.stages import index_stage as index_stage
    from genret.pipeline.stages import tokenize_stage as tokenize_stage
    from genret.pipeline.stages import train_stage as train_stage
    from genret.pipeline.stock import put_products as put_products
    from genret.pipeline.stock import remove_products as remove_products

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Retriever": "genret.pipeline.retriever",
        "co_engaged": "genret.data.engagement",
        "data_stage": "genret.pipeline.stages",
        "embed_stage": "genret.pipeline.stages",
        "index_stage": "genret.pipeline.stages",
        "put_products": "genret.pipeline.stock",
        "remove_products": "genret.pipeline.stock",
        "tokenize_stage": "genret.pipeline.stages",
        "train_stage": "genret.pipeline.stages",
    },
)
