"""What the nodes of a run do on Spark: names of their jobs, shared frames, progress, cancelling."""
