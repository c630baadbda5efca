"""The cells of the chain tests: program, and the two chains that A alternates between."""

PLAIN = (("A", "B", "C"), ("A", "D", "E"))
CHAINS = {
    "empty": ("chain_empty.py", PLAIN),
    "microsecond": ("chain_us.py", PLAIN),
    "five": (
        "chain_five.py",
        (("A", "B", "B1", "B2", "B3", "C"), ("A", "D", "D1", "D2", "D3", "E")),
    ),
    "shared": ("chain_shared.py", (("A", "B", "C"), ("A", "B", "E"))),
    "sorted": ("chain_sorted.py", PLAIN),
}
