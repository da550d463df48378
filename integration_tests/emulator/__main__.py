"""`python -m integration_tests.emulator`"""

import sys

from .server import main

sys.exit(main())
