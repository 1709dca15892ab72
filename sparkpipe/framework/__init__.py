"""The names of Kedro's ``framework``, for projects that come from there."""
