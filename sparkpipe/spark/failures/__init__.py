"""Failures of Spark and Java: read, judged, and told in plain words."""
