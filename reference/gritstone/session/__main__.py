"""Start the command line: ``python -m gritstone.session COMMAND DIR ...``."""

import sys

from gritstone.session.command import main

if __name__ == "__main__":
    sys.exit(main())
