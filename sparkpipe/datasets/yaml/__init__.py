"""YAML documents."""

from sparkpipe.datasets.yaml.yaml_data_set import YAMLDataSet, YAMLDataset

__all__ = ["YAMLDataSet", "YAMLDataset"]
