Exports of a recording, judged by scripts of their own.

  $ cat > app.py <<'EOF'
  > import threading, time
  > class A:
  >     def run(self, seconds):
  >         end = time.monotonic() + seconds
  >         while time.monotonic() < end:
  >             self.step(1)
  >     def step(self, i):
  >         return sum(j * j for j in range(200))
  > worker = threading.Thread(target=A().run, args=(0.7,), name="worker")
  > worker.start()
  > A().run(0.7)
  > worker.join()
  > EOF
  $ pyrometer run -q -o app.pyro app.py
  $ pyrometer export app.pyro --format speedscope -o out.speedscope.json
  $ pyrometer export app.pyro -o out.collapsed
  $ "$PYTHON" "$TESTS/check_speedscope.py" out.speedscope.json
  as the schema asks: 2 profiles
  $ "$PYTHON" "$TESTS/check_exports.py" app.pyro
  the exports and the report agree
  $ pyrometer export app.pyro -o out.collapsed
  pyrometer: out.collapsed exists. Overwrite it with -f, or give another name with -o.
  [125]
  $ pyrometer export app.pyro -f -o out.collapsed
  $ pyrometer export app.pyro --format speedscope -o - | cmp - out.speedscope.json
  $ pyrometer export app.pyro --format collapsed --only A.nothing
  pyrometer: No function with samples matches the filters given: the export is empty.
  $ pyrometer export app.pyro --format collapsed --mine --frames line > lines
  $ grep -q "A.run[^;]*/app.py:6);A.step [^;]*/app.py:8)" lines && echo call sites
  call sites
  $ pyrometer export app.pyro --format collapsed --function | cmp - out.collapsed
  $ pyrometer export app.pyro --format collapsed --nolineno > names
  $ grep -c ":[0-9]*)" names
  0
  [1]
  $ grep -q "A.run ([^:;]*/app.py);A.step ([^:;]*/app.py)" names && echo names
  names
  $ pyrometer export app.pyro --format collapsed --nolineno --frames line
  pyrometer: Of --frames, --function and --nolineno only one can be given.
  [2]
  $ pyrometer export app.pyro --format collapsed --idle | cmp - out.collapsed
  $ pyrometer export app.pyro --format collapsed --gil > gil
  $ pyrometer export app.pyro --format collapsed --state gil | cmp - gil
  $ pyrometer export app.pyro --format collapsed --mode gil | cmp - gil
  $ pyrometer export app.pyro --format collapsed --state cpu > cpu
  $ pyrometer export app.pyro --format collapsed --mode cpu | cmp - cpu
  $ "$PYTHON" -c 'import sys
  > all, gil, cpu = (sum(int(line.split()[-1]) for line in open(name)) for name in sys.argv[1:])
  > print(0.2 * all < gil < 0.8 * all or (all, gil), 0.2 * all < cpu <= all or (all, cpu))' out.collapsed gil cpu
  True True
  $ pyrometer export app.pyro --format collapsed --gil --idle
  pyrometer: Of --state, --mode, --gil and --idle only one can be given.
  [2]
  $ pyrometer export app.pyro --format collapsed --mine | cut -d' ' -f1 | sort -u
  <module>
  A.run
  $ pyrometer export app.pyro --format collapsed --thread nobody
  pyrometer: The recording has no thread with the name or id nobody.
  [125]
  $ pid=$(pyrometer report app.pyro --json | "$PYTHON" -c "import json, sys; print(json.load(sys.stdin)['processes'][0]['pid'])")
  $ pyrometer export app.pyro --format collapsed --process $pid | cmp - out.collapsed
  $ pyrometer export app.pyro --format collapsed --process 1
  pyrometer: The recording has no process 1.
  [125]
