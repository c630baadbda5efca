"""Bodies of classes, one inside another, a metaclass and its hooks."""

from known import SECONDS, burn, perf_counter, tell


class Meta(type):  # -> Meta
    def __prepare__(*_, **__):  # = Meta.__prepare__
        burn("Meta.__prepare__")  # -> burn
        return {}

    def __new__(*args):  # = Meta.__new__
        burn("Meta.__new__")  # -> burn
        return type.__new__(*args)  # -> make.<locals>.Outer.Named.__set_name__


def make():
    class Outer:  # -> make.<locals>.Outer
        burn("make.<locals>.Outer")  # -> burn

        class Named:  # -> make.<locals>.Outer.Named
            burn("make.<locals>.Outer.Named")  # -> burn

            def __set_name__(self, owner, name):
                burn("make.<locals>.Outer.Named.__set_name__")  # -> burn

            def __init_subclass__(cls):  # = Named.hook
                burn("make.<locals>.Outer.Named.__init_subclass__")  # -> burn

        class Inner(Named):  # -> make.<locals>.Outer.Inner Named.hook
            burn("make.<locals>.Outer.Inner")  # -> burn

    class Other(metaclass=Meta):  # -> Meta.__prepare__ Meta.__new__ make.<locals>.Other
        named = Outer.Named()
        burn("make.<locals>.Other")  # -> burn


def main():
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        make()  # -> make


main()  # -> main
tell(
    inclusive={
        "make.<locals>.Outer": [
            "make.<locals>.Outer",
            "make.<locals>.Outer.Named",
            "make.<locals>.Outer.Inner",
            "make.<locals>.Outer.Named.__init_subclass__",
        ],
        "Meta.__new__": ["Meta.__new__", "make.<locals>.Outer.Named.__set_name__"],
    },
)
