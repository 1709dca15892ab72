"""Benchmarks: ``make bench``. Each prints its figures beside its limit or a named alternative."""
