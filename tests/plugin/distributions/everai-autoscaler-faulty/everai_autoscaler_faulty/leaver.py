"""Ends the process when it is imported, or would."""

import sys

sys.exit("no licence\nfound")
