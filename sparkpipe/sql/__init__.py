"""SQL as the function of a node: what it reads is found by parsing it, and it runs where data is.

A text is read once, when its node is made (:mod:`sparkpipe.sql.parsing`); what runs later is a
:class:`SqlQuery`, which is plain data and needs no parser.
"""

from sparkpipe.sql.query import SqlQuery, read_query

__all__ = ["SqlQuery", "read_query"]
