"""Failures of Spark and Java: read, judged, and told in plain words."""


class NodeStopped(Exception):  # noqa: N818 - it is no error: what stopped the node is
    """Raised where the work of a node ends early, as it is to go no further."""
