"""The project is Kedro's before it is migrated: it is copied, and not collected as it is."""

from __future__ import annotations

collect_ignore = ["project"]
