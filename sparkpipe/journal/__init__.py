"""What runs have done: written as they run, one file of JSON lines each, and read again.

:class:`JournalWriter` is an observer that writes; :class:`Journal` reads. Each line is an event of
the run (:mod:`sparkpipe.events`); ``run.schema.json`` in this package describes them.
"""

from sparkpipe.journal.reading import Journal
from sparkpipe.journal.records import NodeRecord, RunRecord
from sparkpipe.journal.settings import JournalSettings
from sparkpipe.journal.writing import JournalWriter

__all__ = ["Journal", "JournalSettings", "JournalWriter", "NodeRecord", "RunRecord"]
