"""Start the command line: ``python -m gritstone.flow COMMAND ...``."""

import sys

from gritstone.flow.command import main

if __name__ == "__main__":
    sys.exit(main())
