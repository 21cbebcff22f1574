"""Files -> validated records: catalogues, queries, judgements, public data sets, and the embedded grocery catalogue.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.data.clean import clean_text as clean_text
    from genret.data.files import read_judgements as read_judgements
    from genret.data.files import read_queries as read_queries
    from genret.data.folders import read_files_dataset as read_files_dataset
    from genret.data.products import read_catalogue as read_catalogue
    from genret.data.records import Catalogue as Catalogue
    from genret.data.records import Dataset as Dataset
    from genret.data.records import load_dataset as load_dataset
    from genret.data.records import save_dataset as save_dataset
    from genret.data.sources import JUDGEMENT_FORMATS as JUDGEMENT_FORMATS
    from genret.data.sources import SOURCES as SOURCES
    from genret.data.sources import Attached as Attached
    from genret.data.sources import attach_judgements as attach_judgements
    from genret.data.sources import read_dataset as read_dataset
    from genret.data.validate import ReadReport as ReadReport

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Attached": "genret.data.sources",
        "Catalogue": "genret.data.records",
        "Dataset": "genret.data.records",
        "JUDGEMENT_FORMATS": "genret.data.sources",
        "ReadReport": "genret.data.validate",
        "SOURCES": "genret.data.sources",
        "attach_judgements": "genret.data.sources",
        "clean_text": "genret.data.clean",
        "load_dataset": "genret.data.records",
        "read_catalogue": "genret.data.products",
        "read_dataset": "genret.data.sources",
        "read_files_dataset": "genret.data.folders",
        "read_judgements": "genret.data.files",
        "read_queries": "genret.data.files",
        "save_dataset": "genret.data.records",
    },
)
