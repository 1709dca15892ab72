"""What knows a live Spark session: starting it, and its errors in plain words."""
