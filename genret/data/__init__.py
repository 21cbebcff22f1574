"""Files -> validated records: catalogues, queries, judgements, public data sets, and the embedded grocery catalogue."""

from genret.data.records import Catalogue, Dataset, load_dataset, save_dataset

__all__ = ["Catalogue", "Dataset", "load_dataset", "save_dataset"]
