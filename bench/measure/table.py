"""What a measure found, as Markdown."""

import dataclasses


@dataclasses.dataclass
class Section:
    name: str
    title: str
    how: str
    header: tuple
    rows: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    def show(self):
        lines = [f"## {self.title}", "", self.how, ""]
        lines.append("| " + " | ".join(self.header) + " |")
        lines.append("|" + "---|" * len(self.header))
        lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in self.rows]
        if self.notes:
            lines += ["", *self.notes]
        return "\n".join(lines) + "\n"


def judged(bar, estimate):
    return f"{bar.show()}: **{bar.verdict(estimate)}**"


def many(number):
    return "-" if number is None else f"{number:,.0f}"
