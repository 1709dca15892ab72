"""Schemas that hold: what the columns of a data set are, described, compared and enforced."""

from sparkpipe.schemas.comparing import Difference, compare
from sparkpipe.schemas.frames import schema_of
from sparkpipe.schemas.model import Column, DataType, Schema
from sparkpipe.schemas.reading import read_schema

__all__ = ["Column", "DataType", "Difference", "Schema", "compare", "read_schema", "schema_of"]
