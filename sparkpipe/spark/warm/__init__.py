"""A session of the project that outlives its runs."""
