"""What holds under load: slow, so not part of the suite; ``python -m tests.load [name ...]``."""
