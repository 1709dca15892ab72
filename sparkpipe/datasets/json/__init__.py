"""JSON documents by the standard library."""

from sparkpipe.datasets.json.json_data_set import JSONDataSet, JSONDataset

__all__ = ["JSONDataSet", "JSONDataset"]
