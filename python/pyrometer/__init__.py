"""Pyrometer shows where a Python program spends its time.

The engine is the command `pyrometer`, a C program; this package finds it and stands for it.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["__version__", "command_path"]


def _source_tree() -> Path | None:
    """The checkout this package is imported from, if it is not an installed one."""
    top = Path(__file__).resolve().parents[2]
    return top if (top / "meson.build").is_file() else None


def _version() -> str:
    try:
        from ._version import version  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        top = _source_tree()
        text = (top / "meson.build").read_text("utf-8") if top else ""
        found = re.search(r"\bversion: '([^']+)'", text)
        return found[1] if found else "unknown"
    return str(version)


def command_path() -> Path:
    """The `pyrometer` command that belongs to this package.

    Raises FileNotFoundError with a sentence that says where it was looked for.
    """
    import sysconfig

    top = _source_tree()
    if top:
        places = [top / "build"]
    else:
        package = Path(__file__).resolve().parent
        user = sysconfig.get_preferred_scheme("user")
        places = [
            Path(sysconfig.get_path("scripts")),
            Path(sysconfig.get_path("scripts", user)),
            # pip install --prefix puts bin beside lib, --target puts it beside the package
            *(parent / "bin" for parent in list(package.parents)[:4]),
        ]
    for place in places:
        if (place / "pyrometer").is_file():
            return place / "pyrometer"
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    mend = "build it with make" if top else "install the package again"
    raise FileNotFoundError(f"no pyrometer command in {looked}: {mend}")


__version__: str = _version()
