"""Lambdas, two on one line; closures and functions defined again and again."""

from known import SECONDS, burn, perf_counter, tell

one, two = lambda: burn("one"), lambda: burn("two", 0.0004, 0.0008)  # -> burn


def make(name):
    def closure():
        burn(name)  # -> burn

    def deeper():
        def deepest():
            burn("make.<locals>.deeper.<locals>.deepest")  # -> burn

        deepest()  # -> make.<locals>.deeper.<locals>.deepest

    return closure, deeper


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        one()  # -> <lambda>
        two()  # -> <lambda>
        closure, deeper = make("make.<locals>.closure")  # -> make
        closure()  # -> make.<locals>.closure
        deeper()  # -> make.<locals>.deeper
        (lambda: burn("main.<locals>.<lambda>"))()  # -> main.<locals>.<lambda> burn


main()  # -> main
tell(
    inclusive={"<lambda>": ["one", "two"]},
    rows={"<lambda>": ["one", "two"]},
)
