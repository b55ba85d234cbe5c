#!/usr/bin/env python
"""Django's command line; ``bin/ris`` calls it inside the environment."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command; say the cure when a module is not installed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")
    try:
        run()
    except ModuleNotFoundError as error:
        from ris.requirements import say_missing

        if missing := say_missing(error):
            sys.exit(f"Cannot start: {missing}")
        raise


def run() -> None:
    """The command that the arguments name. Raises ModuleNotFoundError when something is not installed."""
    from ris.config_values import Misconfigured

    try:
        from django.core.management import execute_from_command_line

        import ris.settings  # noqa: F401  (says what is misconfigured before anything else runs)
    except Misconfigured as error:
        sys.exit(f"Cannot start.\n  {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
