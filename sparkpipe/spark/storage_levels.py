"""How Spark may keep a frame that it has computed."""

from __future__ import annotations

#: Names of Spark's storage levels, the default first: that of ``DataFrame.persist()``. The others
#: are read back more slowly, for pyspark serializes what they keep in memory.
STORAGE_LEVELS = (
    "MEMORY_AND_DISK_DESER",
    "MEMORY_AND_DISK",
    "MEMORY_AND_DISK_2",
    "MEMORY_ONLY",
    "MEMORY_ONLY_2",
    "DISK_ONLY",
    "DISK_ONLY_2",
    "DISK_ONLY_3",
    "OFF_HEAP",
)
