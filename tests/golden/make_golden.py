#!/usr/bin/env python3
"""Writes golden.pyro and golden.json beside it: a recording made without Pyrometer's own code.

Written from docs/internals/recording-format.md, with the standard library only.  The recording
holds a samples stream in which every mode of entries occurs and every rule of the model of stacks
is needed, a second process with a stream that has no schedule, one synthetic stream of each kind to
come, a METRICS chunk and a chunk of no known type.  golden.json says what a reader must find.  The
kinds to come are not specified yet: their batches use the common beginning and tables, and sections
of their own that today's readers skip.

    make_golden.py [FOLDER]     writes both files there (here, if none is given)
    make_golden.py --check      exits 1 when the files here are not what would be written
    make_golden.py --example    prints the smallest recording as the specification shows it
"""

import json
import os
import struct
import sys
import zlib

MARK = bytes([0xC4, 0x50, 0x59, 0xA7])
HEAD, PROCESS, STREAM, BATCH, STATUS, SOURCE, WARNING, END, METRICS = range(1, 10)
CRITICAL = {HEAD, STREAM, BATCH}
M64 = (1 << 64) - 1


# ---- numbers and strings


def varint(value):
    assert 0 <= value <= M64
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value):
    return varint((value << 1 ^ value >> 63) & M64)


def string(value):
    if isinstance(value, str):
        value = value.encode()
    return varint(len(value)) + value


def argv(args):
    return varint(len(args)) + b"".join(map(string, args))


def u64(value):
    return struct.pack("<Q", value)


def column(put, values):
    return b"".join(map(put, values))


def fields(f, **kinds):
    """Of one fact, each as its kind."""
    return b"".join(put(f[name]) for name, put in kinds.items())


def columns(rows, **kinds):
    """Of many facts, one column after the other."""
    return b"".join(column(put, [f[name] for f in rows]) for name, put in kinds.items())


# ---- the file


def file_head():
    head = b"PYRO\r\n\x1a\n" + struct.pack("<HH", 1, 0)
    return head + struct.pack("<I", zlib.crc32(head))


def chunk(kind, payload, flags=None):
    flags = int(kind in CRITICAL) if flags is None else flags
    rest = struct.pack("<HHII", kind, flags, len(payload), len(payload)) + payload
    return MARK + struct.pack("<I", zlib.crc32(rest)) + rest


def head(f):
    texts = dict.fromkeys(("tool", "host", "cwd"), string)
    clocks = dict.fromkeys(("wall_ns", "mono_ns", "tsc"), varint)
    payload = fields(f, boot_id=string, **clocks, **texts, argv=argv)
    return chunk(HEAD, varint(1) + varint(0) + payload)


def process(f):
    ids = {"id": varint, "pid": zigzag, "ppid": zigzag, "start_ticks": varint}
    return chunk(PROCESS, fields(f, **ids, exec_count=varint, python=string, argv=argv))


def stream(f):
    payload = fields(f, id=varint, kind=string, process=varint)
    if f["kind"] == "samples":
        payload += fields(f, period_ns=varint, first_ns=varint, seed=u64, lateness_unit_ns=varint)
    return chunk(STREAM, payload)


STATUS_FIELDS = (
    "mono_ns wall_ns tsc ticks missed planned discarded taken assumed broken lost "
    "target_cpu_ns target_wall_ns sampler_cpu_ns target_peak_rss"
).split()


def status(f, fields=STATUS_FIELDS, extra=()):
    values = [f.get(name, 0) for name in fields] + list(extra)
    return chunk(STATUS, varint(len(values)) + column(varint, values))


def source(f):
    return chunk(SOURCE, fields(f, file=string, first_line=varint, text=string))


def end(f):
    times = dict.fromkeys(("mono_ns", "wall_ns", "cpu_ns"), varint)
    return chunk(END, fields(f, exit_status=zigzag, **times))


# ---- the schedule


def mix(x):
    x = x + 0x9E3779B97F4A7C15 & M64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ x >> 27) * 0x94D049BB133111EB & M64
    return x ^ x >> 31


def due(f, tick):
    period = f["period_ns"]
    return f["first_ns"] + tick * period + (mix(f["seed"] + tick & M64) * (period // 2) >> 64)


# ---- stacks


class RangeCoder:
    """The writing side.  `low` has 32 bits; what is above is added to the bytes already written."""

    def __init__(self):
        self.out, self.low, self.range = bytearray(), 0, (1 << 32) - 1
        self.carries = self.far_carries = 0  # far: through a byte of 255

    def put(self, low, width, total):
        r = self.range // total
        self.low += low * r
        self.range = width * r
        self.carry()
        while self.range < 1 << 24:
            self.shift()

    def carry(self):
        if self.low < 1 << 32:
            return
        self.low -= 1 << 32
        self.carries += 1
        self.far_carries += self.out[-1] == 255
        at = len(self.out) - 1
        while self.out[at] == 255:
            self.out[at] = 0
            at -= 1
        self.out[at] += 1

    def shift(self):
        self.out.append(self.low >> 24)
        self.low = self.low << 8 & 0xFFFFFFFF
        self.range <<= 8

    def finish(self):
        """Ends at the roundest number of the last range."""
        for unit in (1 << 32, 1 << 24):  # the range is never smaller than the second
            round_up = -(-self.low // unit) * unit
            if round_up < self.low + self.range:
                break
        self.low = round_up
        self.carry()
        self.shift()
        return bytes(self.out).rstrip(b"\0")


class StackWriter:
    """What a STACKS section has behind its count."""

    def __init__(self, stacks):
        self.coder, self.literals, self.contexts = RangeCoder(), b"", {}
        self.halvings = self.unlisted = self.symbols = 0
        before = ()
        for stack in stacks:
            same = 0
            while same < min(len(stack), len(before)) and stack[same] == before[same]:
                same += 1
            gone = len(before) - same
            self.put(0, 2 * gone + 1 if gone < same else 2 * same)
            for i in range(same, len(stack)):
                self.put(stack[i - 1] + 2 if i else 1, stack[i] + 1)
            self.put(stack[-1] + 2 if stack else 1, 0)
            before = stack

    def finish(self):
        code = self.coder.finish()
        least = -(-self.symbols // 1024) - 1  # fewer bytes may not tell so many
        return string(code.ljust(least, b"\0")) + self.literals

    def put(self, context, symbol):
        self.symbols += 1
        counts = self.contexts.setdefault(context, {})  # in the order in which they came
        below, escape = sum(counts.values()), max(len(counts), 1)
        total = below + escape
        if symbol in counts:
            low = 0
            for other, count in counts.items():
                if other == symbol:
                    break
                low += count
            self.coder.put(low, counts[symbol], total)
            counts[symbol] += 1
        else:
            self.coder.put(below, escape, total)
            self.literals += varint(symbol)
            if len(counts) < 255:
                counts[symbol] = 1
            else:
                self.unlisted += 1
        if sum(counts.values()) > 8192:
            self.halvings += 1
            for other in counts:
                counts[other] = (counts[other] + 1) // 2


# ---- batches


class Stream:
    """Gives ids, and keeps what the next batch has to define."""

    def __init__(self, fact):
        self.fact = fact
        self.strings = {"": 0}
        self.functions, self.frames, self.stacks, self.threads = [], [], [], []
        self.nodes, self.children, self.ends = [], {}, []  # what a reader makes of the stacks
        self.begin()

    def begin(self):
        self.first = [
            len(t) for t in (self.strings, self.functions, self.frames, self.stacks, self.threads)
        ]

    def text(self, text):
        return self.strings.setdefault(text, len(self.strings))

    def function(self, **f):
        for name in ("file", "name", "qualname", "module"):
            self.text(f[name])
        self.functions.append(f)
        return len(self.functions) - 1

    def frame(self, function, instruction, line, end_line, column, end_column):
        self.frames.append(
            {
                "function": function,
                "instruction": instruction,
                "line": line,
                "end_line": end_line,
                "column": column,
                "end_column": end_column,
            }
        )
        return len(self.frames) - 1

    def stack(self, *frames):
        """The code by which samples name it."""
        node = None
        for frame in frames:
            above = self.children.setdefault(node, {})
            if frame not in above:
                above[frame] = len(self.nodes)
                self.nodes.append({"parent": node, "frame": frame})
            node = above[frame]
        self.stacks.append(frames)
        self.ends.append(node)
        return len(self.stacks) + 1

    def thread(self, tid, start_ticks, name):
        self.text(name)
        self.threads.append({"tid": tid, "start_ticks": start_ticks, "name": name})
        return len(self.threads) - 1

    def batch(self, *sections):
        strings, functions, frames, stacks, threads = self.first
        body = column(varint, [self.fact["id"], *self.first])
        for tag, rows, data in (
            (1, *self.string_columns(strings)),
            (2, *self.function_columns(functions)),
            (3, *self.frame_columns(frames)),
            (4, *self.stack_columns(stacks)),
            (5, *self.thread_columns(threads)),
        ):
            if rows:
                body += varint(tag) + string(varint(rows) + data)
        for tag, payload in sections:
            body += varint(tag) + string(payload)
        self.begin()
        return chunk(BATCH, body)

    def string_columns(self, first):
        new = [text.encode() for text in list(self.strings)[first:]]
        return len(new), column(varint, map(len, new)) + b"".join(new)

    def function_columns(self, first):
        rows = [{**f, "more": f["last_line"] - f["first_line"]} for f in self.functions[first:]]
        texts = dict.fromkeys(
            ("file", "name", "qualname", "module"), lambda s: varint(self.strings[s])
        )
        return len(rows), columns(rows, **texts, first_line=varint, more=zigzag, table_hash=u64)

    def frame_columns(self, first):
        rows = []
        for f in self.frames[first:]:
            up = f["line"] - self.functions[f["function"]]["first_line"]
            rows.append({**f, "up": up, "more": f["end_line"] - f["line"]})
        lines = dict.fromkeys(("instruction", "up", "more"), zigzag)
        return len(rows), columns(rows, function=varint, **lines, column=varint, end_column=varint)

    def stack_columns(self, first):
        self.written = StackWriter(self.stacks[first:])
        return len(self.stacks) - first, self.written.finish()

    def thread_columns(self, first):
        rows = self.threads[first:]
        return len(rows), columns(
            rows, tid=zigzag, start_ticks=varint, name=lambda s: varint(self.strings[s])
        )


def ticks(first, lateness, gaps=()):
    out, last = varint(first) + varint(len(lateness)) + varint(len(gaps)), 0
    for index, missed in gaps:
        out += varint(index - last) + varint(missed)
        last = index
    return 6, out + column(varint, lateness)


def values(pairs, packed):
    out, last = b"", 0
    for code, _ in pairs:
        if code < 2:
            out += varint(code)
        else:
            delta, last = code - last, code
            out += varint(2 + (delta << 1 ^ delta >> 63))
    return out + (column(varint, [word for _, word in pairs]) if packed else b"")


def entries(thread, first, pairs, mode):
    """pairs: (stack code, packed word) of each tick from `first` on."""
    packed = any(word for _, word in pairs)
    out = varint(thread) + varint(first) + varint(len(pairs)) + bytes([mode | packed << 3])
    if mode == 0:
        assert len(set(pairs)) == 1
        return out + values(pairs[:1], packed)
    if mode == 1:
        runs = []
        for pair in pairs:
            if runs and runs[-1][0] == pair:
                runs[-1][1] += 1
            else:
                runs.append([pair, 1])
        return (
            out
            + varint(len(runs))
            + values([p for p, _ in runs], packed)
            + column(varint, [n for _, n in runs])
        )
    if mode == 2:
        words = (
            sorted(set(pairs), key=lambda p: -pairs.count(p))
            if len(pairs) < 99
            else list(dict.fromkeys(pairs))
        )
        index = {word: i for i, word in enumerate(words)}
        out += varint(len(words)) + values(words, packed)
        out += bytes(index[p] & 255 for p in pairs)
        return out + (bytes(index[p] >> 8 for p in pairs) if len(words) > 256 else b"")
    return out + values(pairs, packed)


# ---- the golden recording


def expect_samples(sink, s, base, thread, first, pairs):
    """The runs that a reader must tell, as [thread, tick, count, node, unverified, flags]."""
    runs = sink.setdefault(str(s.fact["id"]), [])
    last = None
    for i, (code, word) in enumerate(pairs):
        if code == 0:
            last = None
            continue
        if last == (code, word):
            runs[-1][2] += 1
        else:
            node = None if code == 1 else s.ends[code - 2]
            runs.append([thread, base + first + i, 1, node, word >> 3, word & 7])
        last = (code, word)


def delay_columns(rows):
    return varint(len(rows)) + b"".join(column(varint, figures) for figures in zip(*rows))


def still_columns(codes):
    return varint(len(codes)) + column(varint, [code - 2 for code in codes])


def expect_states(sink, s, base, thread, first, pairs):
    """The same of states, as [thread, tick, count, state]."""
    runs = sink.setdefault(str(s.fact["id"]), [])
    last = 0
    for i, (code, _) in enumerate(pairs):
        if code and code == last:
            runs[-1][2] += 1
        elif code:
            runs.append([thread, base + first + i, 1, code - 2])
        last = code


def future_batches(kind, s):
    """Made-up contents of the kinds to come: tables as everywhere, then their own sections."""
    s.begin()
    f = s.function(
        file="/app/golden.py",
        name=kind,
        qualname=kind,
        module="golden",
        first_line=1,
        last_line=9,
        table_hash=len(kind),
    )
    at = s.frame(f, 2, 3, 3, 5, 12)
    s.thread(4242, 0, "MainThread")
    numbers = [mix(i + len(kind)) % 1000 for i in range(20)]
    if kind == "marks":
        own = b"".join(varint(t) + string("mark %d" % t) for t in range(3))
    elif kind == "series":
        own = string("rss") + string("bytes") + column(varint, numbers)
    else:
        s.stack(at)
        own = varint(len(numbers)) + column(varint, numbers)
    yield s.batch((32, own), (33, bytes(10)))
    yield s.batch((32, own[::-1]))


def crowd(s, function):
    """More than 255 frames above one frame, seen again above another bottom, then recursion: more
    than 8,192 times a frame above itself.  Returns the stacks' codes."""
    one, other, deep = (s.frame(function, 400 + i, 30, 30, 1, 2) for i in range(3))
    leaves = [s.frame(function, 500 + i, 31 + i % 9, 40, 1, 2) for i in range(262)]
    codes = [s.stack(bottom, *[deep] * n) for n in range(1, 6) for bottom in (one, other)]
    codes += [s.stack(one, deep, leaf) for leaf in leaves]
    again = leaves[250:] + leaves[:10]  # some are in the list, some are not
    codes += [s.stack(bottom, deep, deep, leaf) for leaf in again for bottom in (one, other)]
    return codes + [s.stack(bottom, *[deep] * n) for n in range(6, 140) for bottom in (one, other)]


def golden():
    out, want = [file_head()], {}
    h = {
        "boot_id": "01234567-89ab-cdef-0123-456789abcdef",
        "wall_ns": 1700000000123456789,
        "mono_ns": 5000000000,
        "tsc": 1 << 40,
        "tool": "make_golden",
        "host": "golden",
        "cwd": "/app",
        "argv": ["python3", "-m", "golden", "", "\u00fc\n"],
    }
    want["head"] = h
    out.append(head(h))
    processes = [
        {
            "id": 0,
            "pid": 4242,
            "ppid": 4241,
            "start_ticks": 777,
            "exec_count": 1,
            "python": "3.13.0",
            "argv": ["python3", "-m", "golden"],
        },
        {
            "id": 1,
            "pid": 4243,
            "ppid": 4242,
            "start_ticks": 779,
            "exec_count": 0,
            "python": "3.12.1",
            "argv": ["python3", "worker.py"],
        },
    ]
    want["processes"] = processes
    kinds = ["samples", "samples", "calls", "lines", "allocs", "heap", "series", "marks"]
    streams = []
    for i, kind in enumerate(kinds):
        f = {"id": i, "kind": kind, "process": int(i == 1)}
        if kind == "samples":
            f.update(
                period_ns=0 if i else 1000000,
                first_ns=6000000000,
                seed=0x123456789ABCDEF0,
                lateness_unit_ns=256 if i else 8192,
            )
        streams.append(Stream(f))
    want["streams"] = [s.fact for s in streams]
    out += [process(processes[0]), stream(streams[0].fact)]
    out.append(chunk(METRICS, varint(1) + varint(7) + string("wall") + string("ns") + b"\1"))
    out.append(chunk(200, b"from a later version"))
    samples, seconds, states, times = {}, {"1": []}, {"1": []}, {}

    # stream 0, first batch: a few stacks, every mode, no sample and no frame between others
    s = streams[0]
    fs = [
        s.function(
            file="/app/golden.py",
            name=n,
            qualname=q,
            module=m,
            first_line=at,
            last_line=end,
            table_hash=mix(at),
        )
        for n, q, m, at, end in [
            ("<module>", "<module>", "__main__", 1, 90),
            ("work", "work", "golden", 10, 20),
            ("<lambda>", "work.<locals>.<lambda>", "", 12, 12),
            ("na\u00efve", "K.na\u00efve", "golden", 30, 29),
        ]
    ]
    frames = [
        s.frame(fs[0], 10, 88, 88, 1, 7),
        s.frame(fs[1], 4, 11, 13, 5, 40),
        s.frame(fs[1], 8, 14, 14, 5, 9),
        s.frame(fs[2], -1, 12, 12, 0, 0),
        s.frame(fs[3], 300, 0, 0, 0, 0),
    ]
    module, work, work_later, anonymous, naive = frames
    root = s.stack(module)
    a = s.stack(module, work)
    b = s.stack(module, work_later)
    c = s.stack(module, work, anonymous)
    d = s.stack(module, work_later, anonymous)
    e = s.stack(module, work_later, anonymous, work)
    s.stack(module, work_later, anonymous, work, anonymous)
    main, worker, idle = (
        s.thread(4242, 777, "MainThread"),
        s.thread(4250, 800, "worker"),
        s.thread(4251, 0, ""),
    )
    pool = [s.thread(4252 + i, 801, "pool") for i in range(4)]
    lateness = [7, 8, 7, 9, 130, 7, 7, 8, 6, 7]
    gaps = [(1, 2), (5, 1000)]
    numbers, n = [], 3
    for i in range(len(lateness)):
        n += dict(gaps).get(i, 0)
        numbers.append(n)
        n += 1
    times["0"] = [due(s.fact, n) + late * 8192 + 4096 for n, late in zip(numbers, lateness)]

    none, outside = (0, 0), (1, 0)
    mixed = [(a, 0), none, (b, 0), outside, outside, (a, 0), none, (e, 2 | 3 << 3), (1, 1), (c, 0)]
    blocks = [
        (main, 0, [(x, 0) for x in (a, b, c, d, e, a, b, c, d, e)], 2),
        (worker, 1, [(c, 0)] * 4 + [none] * 2 + [(1, 1), (c, 2 | 3 << 3)], 1),
        (idle, 0, [(root, 4)] * 10, 0),
        (pool[0], 0, mixed, 1),
        (pool[1], 0, mixed, 2),
        (pool[2], 0, mixed, 3),
        (pool[3], 0, [outside] * 5, 0),
        (pool[3], 5, [none] * 2, 0),
        (pool[3], 7, [(b, 0)] * 3, 0),
    ]
    out.append(
        s.batch(ticks(3, lateness, gaps), (7, b"".join(entries(*block) for block in blocks)))
    )
    for thread, first, pairs, _ in blocks:
        expect_samples(samples, s, 0, thread, first, pairs)
    st = {
        "mono_ns": 6900000000,
        "wall_ns": 1700000002023456789,
        "tsc": 2 << 40,
        "ticks": 10,
        "missed": 1002,
        "planned": 26,
        "discarded": 1,
        "taken": 25,
        "target_peak_rss": 12 << 20,
    }
    out.append(status(st, STATUS_FIELDS[:8]))  # a writer that knew fewer fields

    # second batch: many stacks, some of them defined more than once, more than 256 of them in one
    # dictionary, then direct
    base = len(lateness)
    many, above = [], ()
    for i in range(400):
        above = (*(above if i % 20 else ()), frames[1 + mix(i) % 4])
        many.append(s.stack(module, work, *above))
    lateness = [mix(i) % 12 for i in range(600)]
    times["0"] += [due(s.fact, 2000 + i) + late * 8192 + 4096 for i, late in enumerate(lateness)]
    pairs = [(many[mix(i) % 400], mix(i) % 5 << 3) for i in range(600)]
    pairs[7::50], pairs[8::50] = [none] * 12, [outside] * 12
    direct = [(many[i], 0) for i in range(400)]
    direct[5::40], direct[6::40] = [none] * 10, [outside] * 10
    other = [(many[i // 40] if i % 40 < 30 else 0, 0) for i in range(390)]
    delays = [(main, 1000123, 900001, 0), (worker, 1000000, 17, 250000), (main, 1, 1 << 50, 1)]
    stills = [*many[350:400], *many[:30:3], many[399], many[0]]
    # runnable, holding the GIL, and now and then all else that two bits each can say
    did = [(2 + (mix(i) % 64 if i % 40 == 0 else 2 | 2 << 2 | 1 << 4), 0) for i in range(600)]
    did[50:60] = [(0, 0)] * 10
    waited = [(2 + (1 | 1 << 2), 0)] * 400
    out.append(
        s.batch(
            ticks(2000, lateness),
            (31, b"a section of a later version"),
            (7, entries(main, 0, pairs, 2) + entries(worker, 100, direct, 3)),
            (8, entries(main, 5, other, 1)),
            (9, entries(main, 0, did, 1) + entries(worker, 100, waited, 0)),
            (10, delay_columns(delays)),
            (11, still_columns(stills)),
        )
    )
    expect_samples(samples, s, base, main, 0, pairs)
    expect_samples(samples, s, base, worker, 100, direct)
    expect_samples(seconds, s, base, main, 5, other)
    expect_states(states, s, base, main, 0, did)
    expect_states(states, s, base, worker, 100, waited)

    # third batch: the model's limits
    base += len(lateness)
    lateness = [3] * 20
    times["0"] += [due(s.fact, 3000 + i) + late * 8192 + 4096 for i, late in enumerate(lateness)]
    pairs = [(x, 0) for x in crowd(s, fs[3])[:20]]
    out.append(s.batch(ticks(3000, lateness), (7, entries(main, 0, pairs, 3))))
    expect_samples(samples, s, base, main, 0, pairs)
    assert s.written.halvings > 1 and s.written.unlisted and s.written.coder.far_carries

    # the other process, and the kinds to come
    out += [process(processes[1])]
    out += [stream(x.fact) for x in streams[1:]]
    out += [head(h), process(processes[0]), stream(streams[0].fact)]  # said again
    unknown = {}
    t = streams[1]
    g = t.function(
        file="/app/worker.py",
        name="spin",
        qualname="spin",
        module="worker",
        first_line=5,
        last_line=7,
        table_hash=M64,
    )
    n = t.stack(t.frame(g, 6, 6, 6, 9, 20))
    t.thread(4243, 779, "MainThread")
    times["1"], units = [], 40000
    for batch in range(2):
        deltas = [units if i == 0 else 30 + i for i in range(5)]
        at = 0
        for delta in deltas:
            at += delta
            times["1"].append(6000000000 + at * 256 + 128)
        units = at + 33
        pairs = [(n, 0)] * 5
        out.append(t.batch(ticks(batch * 7, deltas), (7, entries(0, 0, pairs, 0))))
        expect_samples(samples, t, batch * 5, 0, 0, pairs)
    for x in streams[2:]:
        for piece in future_batches(x.fact["kind"], x):
            out.append(piece)
            unknown[x.fact["kind"]] = unknown.get(x.fact["kind"], 0) + 1
    src = {"file": "/app/golden.py", "first_line": 10, "text": "def work():\n    pass  # \u00e9\n"}
    out += [source(src), chunk(WARNING, string("This recording is synthetic."))]
    st.update(
        ticks=640,
        taken=1030,
        planned=1031,
        assumed=10,
        broken=1,
        lost=3,
        target_cpu_ns=9,
        target_wall_ns=8,
        sampler_cpu_ns=7,
    )
    out.append(status(st, extra=(1, 2, 3)))  # a writer that knows more fields
    en = {"exit_status": -15, "mono_ns": 7000000000, "wall_ns": 1000000000, "cpu_ns": 900000000}
    out.append(end(en))
    want.update(
        ending="complete",
        status=st,
        statuses=2,
        end=en,
        sources=[src],
        warnings=["This recording is synthetic."],
        unknown_kinds=unknown,
        unknown_chunks=[9, 200],
        times=times,
        samples=samples,
        seconds={i: [run[:4] for run in runs] for i, runs in seconds.items()},
        states=states,
        delays={"0": [[thread, *(1000 * us for us in row)] for thread, *row in delays], "1": []},
        stills={"0": [s.ends[code - 2] for code in stills], "1": []},
    )
    for name in ("functions", "frames", "nodes", "threads"):
        want[name] = {str(x.fact["id"]): getattr(x, name) for x in streams[:2]}
    for f in want["functions"]["0"] + want["functions"]["1"]:
        f["table_hash"] = "%x" % f["table_hash"]  # more than some readers of JSON can hold
    return b"".join(out), json.dumps(want, sort_keys=True, separators=(",", ":")) + "\n"


def example():
    """The smallest useful recording: (name, bytes) of each piece."""
    f = {
        "id": 0,
        "kind": "samples",
        "process": 0,
        "period_ns": 1000000,
        "first_ns": 1000000000,
        "seed": 7,
        "lateness_unit_ns": 8192,
    }
    s = Stream(f)
    n = s.stack(
        s.frame(
            s.function(
                file="a.py",
                name="f",
                qualname="f",
                module="",
                first_line=1,
                last_line=3,
                table_hash=5,
            ),
            4,
            2,
            2,
            5,
            9,
        ),
    )
    s.thread(42, 9, "")
    pairs = [(n, 0)] * 10
    return [
        ("file head", file_head()),
        (
            "HEAD",
            head(
                {
                    "boot_id": "",
                    "wall_ns": 0,
                    "mono_ns": 0,
                    "tsc": 0,
                    "tool": "t",
                    "host": "h",
                    "cwd": "/",
                    "argv": ["a.py"],
                }
            ),
        ),
        (
            "PROCESS",
            process(
                {
                    "id": 0,
                    "pid": 42,
                    "ppid": 1,
                    "start_ticks": 9,
                    "exec_count": 0,
                    "python": "3.13.0",
                    "argv": [],
                }
            ),
        ),
        ("STREAM", stream(f)),
        (
            "BATCH",
            s.batch(
                ticks(0, [7, 7, 8, 7, 7, 9, 7, 7, 7, 8], [(4, 2)]), (7, entries(0, 0, pairs, 0))
            ),
        ),
        (
            "END",
            end({"exit_status": 0, "mono_ns": 1013000000, "wall_ns": 13000000, "cpu_ns": 12000000}),
        ),
    ]


def main(args):
    here = os.path.dirname(os.path.abspath(__file__))
    if args == ["--example"]:
        at = 0
        for name, piece in example():
            print("; " + name)
            for i in range(0, len(piece), 16):
                print("%04x  %s" % (at + i, piece[i : i + 16].hex(" ")))
            at += len(piece)
        return 0
    recording, facts = golden()
    files = {"golden.pyro": recording, "golden.json": facts.encode()}
    if args == ["--check"]:
        for name, data in files.items():
            with open(os.path.join(here, name), "rb") as f:
                if f.read() != data:
                    print(name, "is not what make_golden.py writes", file=sys.stderr)
                    return 1
        return 0
    for name, data in files.items():
        with open(os.path.join(args[0] if args else here, name), "wb") as f:
            f.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
