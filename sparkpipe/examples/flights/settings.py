"""Settings of the project."""

from sparkpipe.examples.flights.hooks import ShowResults

HOOKS = (ShowResults(),)
