"""Flights from New York in 2013: cleaned and joined by Spark, kept in Delta, and a delay model."""
