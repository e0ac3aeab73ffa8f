"""`python -m burstprop` is `burstprop`."""

import sys

from burstprop.cli import main

if __name__ == "__main__":
    sys.exit(main())
