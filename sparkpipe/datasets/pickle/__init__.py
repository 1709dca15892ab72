"""Python objects as pickle files."""

from sparkpipe.datasets.pickle.pickle_data_set import PickleDataSet, PickleDataset

__all__ = ["PickleDataSet", "PickleDataset"]
