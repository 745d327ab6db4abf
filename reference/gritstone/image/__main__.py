"""Start the command line: ``python -m gritstone.image COMMAND DIR ...``."""

import sys

from gritstone.image.command import main

if __name__ == "__main__":
    sys.exit(main())
