"""Files -> validated records: catalogues, queries, judgements, public data sets, and the embedded grocery catalogue."""

from genret.data.clean import clean_text
from genret.data.files import read_judgements, read_queries
from genret.data.folders import FilesSettings, read_files_dataset
from genret.data.products import read_catalogue
from genret.data.records import Catalogue, Dataset, load_dataset, save_dataset
from genret.data.sources import JUDGEMENT_FORMATS, SOURCES, Attached, attach_judgements, read_dataset
from genret.data.validate import ReadReport

__all__ = [
    "Attached",
    "Catalogue",
    "Dataset",
    "FilesSettings",
    "JUDGEMENT_FORMATS",
    "ReadReport",
    "SOURCES",
    "attach_judgements",
    "clean_text",
    "load_dataset",
    "read_catalogue",
    "read_dataset",
    "read_files_dataset",
    "read_judgements",
    "read_queries",
    "save_dataset",
]
