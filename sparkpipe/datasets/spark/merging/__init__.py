"""Merges into tables of Delta: the words of an entry, the rows to merge, the text of MERGE.

A merge is one MERGE, so it is one transaction, and works by path and by name, on classic Spark and
on Spark Connect alike. What is wrong with the rows is found by the MERGE itself as it reads them,
so that what makes them is computed once.
"""
