"""A real sender in a process of its own, to be killed: drains the destination ``argv[1]``.

Run by test_killing_the_sender.py with the test database in DATABASE_URL.
"""

from __future__ import annotations

import sys

import django

django.setup()

from interfaces.hl7.outbound.sender import DestinationSender  # noqa: E402

DestinationSender(int(sys.argv[1])).drain()
