"""`python -m pyrometer ARGS`: the command, with this interpreter as the one to profile."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from . import command_path


def main() -> NoReturn:
    try:
        command = os.fspath(command_path())
        # Not --python: one that the user gives later on the line must win.
        os.execv(command, [command, "--default-python", sys.executable, *sys.argv[1:]])
    except OSError as error:
        print(f"pyrometer: {error}", file=sys.stderr)
        sys.exit(125)


if __name__ == "__main__":
    main()
