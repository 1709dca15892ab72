"""Runs that are done once for each slice."""
