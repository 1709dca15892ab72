"""``python -m sparkpipe``: the same as ``sparkpipe``."""

from sparkpipe.cli.main import main

if __name__ == "__main__":
    main()
