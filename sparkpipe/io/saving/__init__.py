"""Saves on local disk that are whole, alone, and only their own.

A save writes to a work of its own in the hidden folder ``.sparkpipe-saving`` beside its target, and
is put in place when it is complete. Locks of the system tell the rest without guessing:

* Each work has an ``.owner`` file, locked for as long as its save lives. What nobody holds any more
  was left by a process that was killed; the next save beside it clears it away.
* Whoever puts something in place, or looks for what was left, holds the lock of the target. It is
  never held while data is written.

``locks`` knows the locks, ``works`` the folder, ``swap`` what may be found in it after a kill and
how it ends; ``writing`` is what data sets use; ``uploading`` is for file systems
that are elsewhere.
"""

from sparkpipe.io.saving.uploading import move, remove, upload
from sparkpipe.io.saving.works import FOLDER
from sparkpipe.io.saving.writing import (
    Meeting,
    add_to_old,
    appending,
    give_way,
    recover,
    recover_beside,
    refuse,
    replacing,
    replacing_folder,
    replacing_parts,
)

__all__ = [
    "FOLDER",
    "Meeting",
    "add_to_old",
    "appending",
    "give_way",
    "move",
    "recover",
    "recover_beside",
    "refuse",
    "remove",
    "replacing",
    "replacing_folder",
    "replacing_parts",
    "upload",
]
