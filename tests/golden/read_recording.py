#!/usr/bin/env python3
"""Reads a recording without Pyrometer's own code, by docs/internals/recording-format.md alone.

    read_recording.py FILE                  prints what is in it as JSON
    read_recording.py FILE --expect JSON    exits 1 where the facts differ from that file's
    read_recording.py FILE --summary        a few lines: how it ended, chunks, bytes a sample

zstd is used where the interpreter has it (compression.zstd, or the zstandard package); without it,
compressed chunks are an error (exit status 77), for nothing else in the file makes up for them.
"""

import json
import struct
import sys
import zlib

try:
    from compression import zstd
except ImportError:
    try:
        import zstandard as zstd
    except ImportError:
        zstd = None

MARK = bytes([0xC4, 0x50, 0x59, 0xA7])
M64 = (1 << 64) - 1
LOST = "[lost]"  # what refers to something that damage took
NAMES = {
    1: "HEAD",
    2: "PROCESS",
    3: "STREAM",
    4: "BATCH",
    5: "STATUS",
    6: "SOURCE",
    7: "WARNING",
    8: "END",
    10: "EXIT",
}
STATUS_FIELDS = (
    "mono_ns wall_ns tsc ticks missed planned discarded taken assumed broken lost "
    "target_cpu_ns target_wall_ns sampler_cpu_ns target_peak_rss"
).split()


class Damaged(Exception):
    pass


class Refused(Exception):
    pass


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def more(self):
        return self.at < len(self.data)

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Damaged("a value goes beyond the end")
        self.at += n
        return self.data[self.at - n : self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if value > M64:
                    raise Damaged("a number has more than 64 bits")
                return value
            if shift > 63:
                raise Damaged("a number has more than 64 bits")

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def bytes(self):
        return self.take(self.varint())

    def string(self):
        return self.bytes().decode("utf-8", "surrogateescape")

    def strings(self):
        return [self.string() for _ in range(self.varint())]

    def varints(self, n):
        return [self.varint() for _ in range(n)]

    def zigzags(self, n):
        return [self.zigzag() for _ in range(n)]


def mix(x):
    x = x + 0x9E3779B97F4A7C15 & M64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ x >> 27) * 0x94D049BB133111EB & M64
    return x ^ x >> 31


class Symbols:
    """The symbols of one STACKS section: the model, and the reading side of its range coder."""

    def __init__(self, code, literals):
        self.code, self.literals = Cursor(code), literals
        self.lists, self.left = {}, min(1 << 24, 1024 * (len(code) + 1))
        self.range, self.value = (1 << 32) - 1, 0
        for _ in range(4):
            self.shift()

    def shift(self):
        byte = self.code.take(1)[0] if self.code.more() else 0
        self.value = self.value << 8 & 0xFFFFFFFF | byte

    def next(self, context):
        if not self.left:
            raise Damaged("a section has more symbols than its code may tell")
        self.left -= 1
        symbols, counts = self.lists.setdefault(context, ([], []))
        i = self.slot([*counts, max(len(counts), 1)])
        if i < len(counts):
            symbol = symbols[i]
            counts[i] += 1
        else:
            symbol = self.literals.varint()
            if symbol in symbols:
                raise Damaged("a literal is in the list")
            if len(symbols) < 255:
                symbols.append(symbol)
                counts.append(1)
        if sum(counts) > 8192:
            counts[:] = [(count + 1) // 2 for count in counts]
        return symbol

    def slot(self, widths):
        total = sum(widths)
        r = self.range // total
        v, low, i = min(self.value // r, total - 1), 0, 0
        while v >= low + widths[i]:
            low += widths[i]
            i += 1
        self.value -= low * r
        self.range = widths[i] * r
        while self.range < 1 << 24:
            self.range <<= 8
            self.shift()
        return i


def stacks(cur, n):
    """Each stack as two: how many frames of the one before it are kept, and the frames above."""
    symbols, kept = Symbols(cur.bytes(), cur), []
    for _ in range(n):
        half, from_top = divmod(symbols.next(0), 2)
        if half > len(kept):
            raise Damaged("a stack keeps more than there was")
        keep = len(kept) - half if from_top else half
        del kept[keep:]
        while symbol := symbols.next(kept[-1] + 2 if kept else 1):
            kept.append(symbol - 1)
        yield keep, kept[keep:]


class Stream:
    """The tables of one stream: what is lost to damage stands as None.

    The nodes are not in the file: they are numbered here, in the order in which they first appear
    in the stacks.  A stack is told by the node at which it ends.
    """

    def __init__(self, fact):
        self.fact = fact
        self.tables = [[""], [], [], [], []]
        self.strings, self.functions, self.frames, self.stacks, self.threads = self.tables
        self.nodes, self.node_ids = [], {}
        self.times, self.samples, self.told, self.did = [], [], [], []
        self.numbers = []  # of the ticks that the times are of
        self.delays = []
        self.stills = []

    @property
    def seconds(self):
        return [run[:4] for run in self.told]

    @property
    def states(self):
        return [run[:4] for run in self.did]

    def batch(self, cur):
        for table in self.tables:
            first = cur.varint()
            if first < len(table):
                raise Damaged("a batch repeats definitions")
            table += [None] * (first - len(table))
        base = count = len(self.times)
        ticks = False
        while cur.more():
            tag, body = cur.varint(), Cursor(cur.bytes())
            if tag == 6:
                if ticks:
                    raise Damaged("a batch has two sections of ticks")
                ticks = True
                self.ticks(body)
                count = len(self.times)
            elif tag in (7, 8, 9):
                while body.more():
                    self.entries(body, base, count - base, tag)
            elif tag == 10:
                self.read_delays(body, body.varint())
            elif tag == 11:
                self.read_stills(body, body.varint())
            elif tag in (1, 2, 3, 4, 5):
                [
                    self.read_strings,
                    self.read_functions,
                    self.read_frames,
                    self.read_stacks,
                    self.read_threads,
                ][tag - 1](body, body.varint())

    def read_delays(self, cur, n):
        rows = zip(*(cur.varints(n) for _ in range(4)))
        for thread, *figures in rows:
            if thread >= len(self.threads) or max(figures) > 1 << 50:
                raise Damaged("a delay that cannot be")
            self.delays.append([thread, *(1000 * us for us in figures)])

    def read_stills(self, cur, n):
        for stack in cur.varints(n):
            if stack >= len(self.stacks):
                raise Damaged("a still of no stack")
            if self.stacks[stack] is not None:
                self.stills.append(self.stacks[stack]["node"])

    def read_strings(self, cur, n):
        for size in cur.varints(n):
            self.strings.append(cur.take(size).decode("utf-8", "surrogateescape"))

    def text(self, n):
        return LOST if self.strings[n] is None else self.strings[n]

    def read_functions(self, cur, n):
        names = [[self.text(i) for i in cur.varints(n)] for _ in range(4)]
        lines, more = cur.varints(n), cur.zigzags(n)
        for file, name, qualname, module, line, last in zip(*names, lines, more):
            self.functions.append(
                {
                    "file": file,
                    "name": name,
                    "qualname": qualname,
                    "module": module,
                    "first_line": line,
                    "last_line": line + last,
                    "table_hash": "%x" % struct.unpack("<Q", cur.take(8)),
                }
            )

    def read_frames(self, cur, n):
        rows = zip(
            cur.varints(n),
            cur.zigzags(n),
            cur.zigzags(n),
            cur.zigzags(n),
            cur.varints(n),
            cur.varints(n),
        )
        for function, instruction, line, end, column, end_column in rows:
            f = self.functions[function]
            line = line + f["first_line"] if f else 0
            self.frames.append(
                {
                    "function": function,
                    "instruction": instruction,
                    "line": line,
                    "end_line": line + end if f else 0,
                    "column": column,
                    "end_column": end_column,
                }
            )

    def read_stacks(self, cur, n):
        path = []
        for keep, frames in stacks(cur, n):
            del path[keep:]
            for frame in frames:
                if frame >= len(self.frames):
                    raise Damaged("a stack has a frame that is not defined")
                path.append(self.node(path[-1] if path else None, frame))
            self.stacks.append({"node": path[-1] if path else None})

    def node(self, parent, frame):
        key = parent, frame
        if key not in self.node_ids:
            self.node_ids[key] = len(self.nodes)
            self.nodes.append({"parent": parent, "frame": frame})
        return self.node_ids[key]

    def read_threads(self, cur, n):
        for tid, start, name in zip(cur.zigzags(n), cur.varints(n), cur.varints(n)):
            self.threads.append({"tid": tid, "start_ticks": start, "name": self.text(name)})

    def ticks(self, cur):
        f = self.fact
        number, count, gaps, at = cur.varint(), cur.varint(), {}, 0
        for _ in range(cur.varint()):
            at += cur.varint()
            gaps[at] = gaps.get(at, 0) + cur.varint()
        since, half = 0, f["lateness_unit_ns"] // 2
        for i, late in enumerate(cur.varints(count)):
            number += gaps.get(i, 0)
            self.numbers.append(number)
            if f["period_ns"]:
                jitter = mix(f["seed"] + number & M64) * (f["period_ns"] // 2) >> 64
                due = f["first_ns"] + number * f["period_ns"] + jitter
                self.times.append(due + late * f["lateness_unit_ns"] + half)
            else:
                since += late
                self.times.append(f["first_ns"] + since * f["lateness_unit_ns"] + half)
            number += 1

    def values(self, cur, n, packed, known):
        codes, last = [], 0
        for code in cur.varints(n):
            if code > 1:
                code -= 2
                code = last = last + (code >> 1 ^ -(code & 1))
                if not 0 <= code - 2 < known:
                    raise Damaged("a sample of a stack that is not defined")
            codes.append(code)
        return list(zip(codes, cur.varints(n) if packed else [0] * n))

    def end(self, code):
        """The node of a sample: none without a frame, and LOST where its stack is."""
        if code == 1:
            return None
        stack = self.stacks[code - 2]
        return LOST if stack is None else stack["node"]

    def entries(self, cur, base, ticks, tag):
        out = {7: self.samples, 8: self.told, 9: self.did}[tag]
        known = 64 if tag == 9 else len(self.stacks)
        thread, first, n, mode = cur.varint(), cur.varint(), cur.varint(), cur.take(1)[0]
        if not n or first + n > ticks:
            raise Damaged("samples outside of the batch's ticks")
        if thread >= len(self.threads):
            raise Damaged("samples of a thread that is not defined")
        packed, mode = mode & 8, mode & 7
        if mode == 0:
            runs = [(self.values(cur, 1, packed, known)[0], n)]
        elif mode == 1:
            m = cur.varint()
            runs = list(zip(self.values(cur, m, packed, known), cur.varints(m)))
        elif mode == 2:
            if (m := cur.varint()) > 65536:
                raise Damaged("a dictionary is too large")
            words = self.values(cur, m, packed, known)
            low = cur.take(n)
            high = cur.take(n) if m > 256 else bytes(n)
            runs = [(words[a | b << 8], 1) for a, b in zip(low, high)]
        elif mode == 3:
            runs = [(value, 1) for value in self.values(cur, n, packed, known)]
        else:
            raise Damaged("an unknown mode of entries")
        if sum(count for _, count in runs) != n or not all(count for _, count in runs):
            raise Damaged("runs do not add up")
        tick, last = base + first, None
        for value, count in runs:
            code, word = value
            if tag == 9 and code == 1:
                raise Damaged("a state that is none")
            if code and value == last:
                out[-1][2] += count
            elif code:
                what = code - 2 if tag == 9 else self.end(code)
                out.append([thread, tick, count, what, word >> 3, word & 7])
            last = value
            tick += count


class Recording:
    def __init__(self, data):
        self.head = self.end = self.status = None
        self.statuses, self.damage = 0, []
        self.processes, self.streams, self.sources, self.warnings = {}, {}, [], []
        self.exits = {}  # process -> exit status
        self.unknown_chunks, self.unknown_kinds, self.chunk_bytes = [], {}, {}
        self.read(data)

    def read(self, data):
        if data[:8] != b"PYRO\r\n\x1a\n":
            raise Refused("not a recording")
        major, _, crc = struct.unpack_from("<HHI", data, 8)
        if crc != zlib.crc32(data[:12]):
            self.damage.append((0, 16, "the file head"))
        elif major != 1:
            raise Refused("version %d" % major)
        at = 16
        while at < len(data):
            kind, flags, size, why = self.chunk_at(data, at)
            if why is None:
                to = at + 20 + size
                name = NAMES.get(kind, kind)
                self.chunk_bytes[name] = self.chunk_bytes.get(name, 0) + 20 + size
                try:
                    self.chunk(kind, flags, data[at + 20 : to])
                except (Damaged, IndexError) as error:
                    why = str(error)
            else:
                to = data.find(MARK, at + 1)
                while to >= 0 and self.chunk_at(data, to)[3]:
                    to = data.find(MARK, to + 1)
                to = len(data) if to < 0 else to
            if why:
                self.damage.append((at, to - at, why))
            at = to
        self.ending = "truncated" if self.damage else "complete" if self.end else "killed"

    @staticmethod
    def chunk_at(data, at):
        if len(data) - at < 20 or data[at : at + 4] != MARK:
            return 0, 0, 0, "no chunk begins here"
        crc, kind, flags, size, raw = struct.unpack_from("<IHHII", data, at + 4)
        if size > len(data) - at - 20:
            return 0, 0, 0, "a chunk goes beyond the end of the file"
        if zlib.crc32(data[at + 8 : at + 20 + size]) != crc or raw > 64 << 20:
            return 0, 0, 0, "a chunk is damaged"
        return kind, flags, size, None

    def chunk(self, kind, flags, payload):
        codec = flags >> 4 & 15
        if kind not in NAMES or codec > 1:
            if flags & 1:
                raise Refused("an unknown critical chunk, type %d" % kind)
            self.unknown_chunks.append(kind)
            return
        if codec == 1:
            if zstd is None:
                raise ImportError("this Python has no zstd")
            payload = zstd.decompress(payload)
        getattr(self, "read_" + NAMES[kind].lower())(Cursor(payload))

    def read_head(self, cur):
        if cur.varint() != 1:
            raise Refused("another major version")
        cur.varint()
        f = {
            "boot_id": cur.string(),
            "wall_ns": cur.varint(),
            "mono_ns": cur.varint(),
            "tsc": cur.varint(),
            "tool": cur.string(),
            "host": cur.string(),
            "cwd": cur.string(),
            "argv": cur.strings(),
        }
        self.head = self.head or f

    def read_process(self, cur):
        f = {
            "id": cur.varint(),
            "pid": cur.zigzag(),
            "ppid": cur.zigzag(),
            "start_ticks": cur.varint(),
            "exec_count": cur.varint(),
            "python": cur.string(),
            "argv": cur.strings(),
        }
        self.processes.setdefault(f["id"], f)

    def read_exit(self, cur):
        self.exits[cur.varint()] = cur.zigzag()

    def read_stream(self, cur):
        f = {"id": cur.varint(), "kind": cur.string(), "process": cur.varint()}
        if f["kind"] == "samples":
            f.update(
                period_ns=cur.varint(),
                first_ns=cur.varint(),
                seed=struct.unpack("<Q", cur.take(8))[0],
                lateness_unit_ns=cur.varint(),
            )
        self.streams.setdefault(f["id"], Stream(f))

    def read_batch(self, cur):
        stream = self.streams.get(cur.varint())
        if stream is None:
            raise Damaged("the stream of a batch is not known")
        kind = stream.fact["kind"]
        if kind == "samples":
            stream.batch(cur)
        else:
            self.unknown_kinds[kind] = self.unknown_kinds.get(kind, 0) + 1

    def read_status(self, cur):
        self.status = dict.fromkeys(STATUS_FIELDS, 0)
        self.status.update(zip(STATUS_FIELDS, cur.varints(cur.varint())))
        self.statuses += 1

    def read_source(self, cur):
        self.sources.append(
            {"file": cur.string(), "first_line": cur.varint(), "text": cur.string()}
        )

    def read_warning(self, cur):
        self.warnings.append(cur.string())

    def read_end(self, cur):
        self.end = {
            "exit_status": cur.zigzag(),
            "mono_ns": cur.varint(),
            "wall_ns": cur.varint(),
            "cpu_ns": cur.varint(),
        }

    def facts(self):
        samples = {str(i): s for i, s in self.streams.items() if s.fact["kind"] == "samples"}
        out = {
            "head": self.head,
            "processes": list(self.processes.values()),
            "streams": [s.fact for s in self.streams.values()],
            "ending": self.ending,
            "status": self.status,
            "statuses": self.statuses,
            "end": self.end,
            "sources": self.sources,
            "warnings": self.warnings,
            "unknown_kinds": self.unknown_kinds,
            "unknown_chunks": self.unknown_chunks,
        }
        for name in ("functions", "frames", "nodes", "threads", "times", "samples", "seconds",
                     "states", "delays", "stills"):  # fmt: skip
            out[name] = {i: getattr(s, name) for i, s in samples.items()}
        return out


def main(args):
    with open(args[0], "rb") as f:
        recording = Recording(f.read())
    facts = recording.facts()
    if args[1:2] == ["--expect"]:
        with open(args[2], encoding="utf-8") as f:
            want = json.load(f)
        wrong = [key for key in want if facts.get(key) != complete(key, want[key])]
        for key in wrong:
            print("%s differs" % key, file=sys.stderr)
        return 1 if wrong else 0
    if args[1:2] == ["--summary"]:
        taken = sum(run[2] for s in recording.streams.values() for run in s.samples)
        total = sum(recording.chunk_bytes.values()) + 16
        print(
            "%s, %d bytes, %d samples, %.2f bytes a sample"
            % (recording.ending, total, taken, total / max(taken, 1))
        )
        for name, size in recording.chunk_bytes.items():
            print("  %-8s %d" % (name, size))
        for damage in recording.damage:
            print("  damage at %d, %d bytes: %s" % damage)
        return 0
    json.dump(facts, sys.stdout, indent=1)
    print()
    return 0


def complete(key, want):
    """A status in full: what it does not name is 0."""
    return {**dict.fromkeys(STATUS_FIELDS, 0), **want} if key == "status" else want


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(77)
    except Refused as error:
        print(error, file=sys.stderr)
        sys.exit(2)
