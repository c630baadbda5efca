"""Stills: stacks that are read while their thread cannot run.  Each is of one moment, so of
hundreds in loops of empty functions, where one in a thousand single reads is a mix, none may show
what never was; and they are as likely at one call as at the other.

A cell takes STILLS stills of A.  The shares are compared with the program's own witness (see
test_chains.py): 5 standard deviations of both, so all 14 cells together fail falsely with 1e-5.
"""

import os

import pytest
from cells import CHAINS
from harness import build_witness, record, say
from judge import ChainJudge, chain_shares, witness_shares

STILLS = 200
MOST_RUNS = 20

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="with one CPU every read is a still, and none is made"
)


@pytest.mark.parametrize("cell, depth", (("empty", 0), ("shared", 100)))
def test_stills(python, cell, depth, folder):
    program, chains = CHAINS[cell]
    witness = build_witness(python, folder)
    samples = first = looks = runs = 0
    off = 0.0
    while samples < STILLS:
        assert runs < MOST_RUNS, f"only {samples} stills in {runs} runs"
        recording = record(
            python, program, folder, depth, depth, witness,
            rate="max" if runs % 2 else 20000, seconds=0.5,
        )  # fmt: skip
        runs += 1
        judge = ChainJudge(program, recording.result["codes"], chains, depth, depth)
        verdict = judge.judge((still, 1) for still in recording.stills)
        assert verdict.impossible == 0, "\n".join(verdict.examples[:10])
        by_line = ((tuple(frame[:3] for frame in still), 1) for still in recording.stills)
        share, of = chain_shares(by_line, *judge.calls)
        truth, seen = witness_shares(recording.result["inside"], *judge.calls)
        samples += verdict.samples
        off += (share - truth) * of
        first += of
        looks += seen
    off /= max(1, first)
    error = (0.25 / max(1, first) + 0.25 / max(1, looks)) ** 0.5
    say(f"{samples} stills in {runs} runs; share off by {off:.4f} +- {error:.4f} of {first}")
    assert abs(off) <= 5 * error
