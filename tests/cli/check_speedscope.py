"""Is a file what speedscope's published schema asks of a file of sampled profiles?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

UNITS = {"none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"}


def keys(thing: dict, required: dict, optional: dict) -> None:
    for name, kind in required.items():
        assert isinstance(thing[name], kind), (name, thing[name])
    for name, value in thing.items():
        kind = required.get(name) or optional.get(name)
        assert kind and isinstance(value, kind), (name, value)


def number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def main() -> None:
    file = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    keys(
        file,
        {"$schema": str, "shared": dict, "profiles": list},
        {"name": str, "exporter": str, "activeProfileIndex": int},
    )
    assert file["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert set(file["shared"]) == {"frames"}
    frames = file["shared"]["frames"]
    for frame in frames:
        keys(frame, {"name": str}, {"file": str, "line": int, "col": int})
    assert 0 <= file["activeProfileIndex"] < len(file["profiles"])
    for profile in file["profiles"]:
        keys(
            profile,
            {
                "type": str,
                "name": str,
                "unit": str,
                "startValue": int,
                "endValue": int,
                "samples": list,
                "weights": list,
            },
            {},
        )
        assert profile["type"] == "sampled" and profile["unit"] in UNITS
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(number(weight) and weight >= 0 for weight in profile["weights"])
        assert profile["endValue"] - profile["startValue"] == sum(profile["weights"])
        for stack in profile["samples"]:
            assert all(isinstance(i, int) and 0 <= i < len(frames) for i in stack)
    print("as the schema asks:", len(file["profiles"]), "profiles")


main()
