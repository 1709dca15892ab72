"""Say clearly when Python is too old; runs on any Python 3."""

import sys

if sys.version_info < (3, 10):
    sys.exit(
        "sparkpipe needs Python 3.10 or newer; this is %s. Set PYTHON=..." % sys.version.split()[0]
    )
