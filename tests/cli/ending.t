`run` ends as the program ended, and does not touch what passes through it.

(What it says of programs too short to be seen is not the matter here.)

  $ quietly() { pyrometer run -q "$@" 2>/dev/null; }
  $ quietly -c 'raise SystemExit(7)'
  [7]
  $ pyrometer run -q -c 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)' 2>/dev/null
  [143]
  $ "$PYTHON" - <<'EOF'
  > import os, signal, subprocess
  > for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGABRT):
  >     code = f"import os, signal; signal.signal({number:d}, signal.SIG_DFL) if {number:d} != 9 else 0; os.kill(os.getpid(), {number:d})"
  >     done = subprocess.run([os.environ["PYROMETER"], "run", "-q", "-c", code], stderr=subprocess.DEVNULL)
  >     print(number.name, done.returncode == -number)
  > EOF
  SIGTERM True
  SIGKILL True
  SIGINT True
  SIGABRT True
  $ ls core* 2>/dev/null | wc -l
  0
  $ printf 'a\nb\n' | quietly -c 'import sys; print(sys.stdin.read().split())'
  ['a', 'b']
  $ quietly -c 'import sys; print("out"); print("err", file=sys.stderr)'
  out

Closed descriptors are closed in the program, too, and nothing is written into them.

  $ pyrometer run -o closed.pyro -c 'import os
  > try:
  >     os.fstat(2)
  > except OSError:
  >     print("closed")' 2>&-
  closed
  $ pyrometer report closed.pyro --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["ended"])'
  complete

The program's status stands when its reader goes away.

  $ quietly -c 'import sys; sys.exit(5)' | true
  $ (pyrometer run -c 'pass'; echo status $?) 2>&1 >status | head -c 0; cat status
  status 0
