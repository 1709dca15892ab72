"""Text files."""

from sparkpipe.datasets.text.text_data_set import TextDataSet, TextDataset

__all__ = ["TextDataSet", "TextDataset"]
