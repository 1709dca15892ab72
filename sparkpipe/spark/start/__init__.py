"""Start a Spark session: its properties, its JVM, its jars."""
