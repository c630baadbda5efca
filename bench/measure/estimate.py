"""Figures with their intervals.  The statistics are those of src/stats, by build/bench/paired."""

import dataclasses
import json
import subprocess

from . import machine


@dataclasses.dataclass
class Estimate:
    """A middle with its 95 % interval; low or high None: too few turns to bound it."""

    middle: float
    low: float | None
    high: float | None
    turns: int

    def half_width(self):
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2

    def scaled(self, by):
        return self._each(lambda value: value * by)

    def shifted(self, by):
        return self._each(lambda value: value + by)

    def _each(self, change):
        low, high = (None if end is None else change(end) for end in (self.low, self.high))
        return Estimate(change(self.middle), low, high, self.turns)

    def show(self, digits=2):
        def one(value):
            return "?" if value is None else f"{value:,.{digits}f}"

        return f"{one(self.middle)} [{one(self.low)}, {one(self.high)}]"


def _paired(options, stdin=None):
    command = [str(machine.HELPERS / "paired"), *options]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def of_turns(turns, difference=False):
    """Turns of four figures (A, B, B, A): B / A, or B - A."""
    lines = "".join(" ".join(f"{value:.17g}" for value in turn) + "\n" for turn in turns)
    got = _paired(["--difference"] * difference + ["--read"], lines)
    return Estimate(got["middle"], got["low"], got["high"], got["turns"])


def of_values(values):
    """The median of single figures."""
    return of_turns([(0, value, value, 0) for value in values], difference=True)


def of_commands(a, b, turns, difference=False):
    """Wall times of two commands: B / A, or B - A in seconds; the median of A; B's failures."""
    options = ["--difference"] * difference + ["--any-status", "--turns", str(turns)]
    got = _paired([*options, "--", *map(str, a), "--vs", *map(str, b)])
    return (
        Estimate(got["middle"], got["low"], got["high"], got["turns"]),
        got["a_seconds"],
        got["b_failed"],
    )


@dataclasses.dataclass
class Bar:
    """What must hold.  `upper`: of the interval's upper end, which needs no narrowness besides."""

    limit: float
    at_least: bool = False
    upper: bool = False
    unit: str = ""

    def verdict(self, estimate):
        """ "met", "not met", or "not shown" where the interval is too wide to say."""
        value = estimate.high if self.upper else estimate.middle
        half = estimate.half_width()
        if value is None or half is None:
            return "not shown"
        within = value >= self.limit if self.at_least else value <= self.limit
        if self.upper:
            return "met" if within else "not met" if estimate.low > self.limit else "not shown"
        outside = estimate.high < self.limit if self.at_least else estimate.low > self.limit
        if half > 0.1 * self.limit and not outside:
            return "not shown"
        return "met" if within else "not met"

    def show(self):
        sign = "≥" if self.at_least else "≤"
        return f"{'upper end ' * self.upper}{sign} {self.limit:g}{self.unit}"
