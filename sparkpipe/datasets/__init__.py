"""Data sets, one sub-package for each technology, imported only when a catalog names it."""
