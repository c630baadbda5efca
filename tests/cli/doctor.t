What doctor says of a machine where profiling works, and of one without a Python.

  $ pyrometer doctor | grep -c "^  ok  .*Reading a child's memory  works (tried)"
  1
  $ pyrometer doctor | grep -c 'takes this one'
  1
  $ PATH=/nowhere HOME=/nowhere "$PYROMETER" doctor > out
  [1]
  $ sed -n '/^This machine/,/^$/p' out | grep -E '^  (ok     |warning|       ) [^ ]' | cut -c 11-35 | sed 's/ *$//'
  Kernel
  C library
  CPUs
  Clock
  Rights
  ptrace_scope
  Reading a child's memory
  Load
  Stolen time
  Swap
  Disk
  Pressure

The machine's health, whatever it is, does not decide whether profiling works.

  $ pyrometer doctor --json | "$PYTHON" -c '
  > import json, sys
  > d = json.load(sys.stdin)
  > for c in d["checks"][-5:]:
  >     print(c["check"], c["verdict"] in ("good", "warning", "info"), bool(c["mend"]) == (c["verdict"] == "warning"))
  > print(d["works"])'
  load True True
  steal True True
  swap True True
  disk True True
  pressure True True
  True
  $ pyrometer doctor --json | "$PYTHON" -c '
  > import json, sys
  > d = json.load(sys.stdin)
  > print(d["schema"], d["works"], [p["supported"] for p in d["pythons"] if p["chosen"]])'
  pyrometer.doctor/1 True [True]
  $ PATH=/nowhere HOME=/nowhere "$PYROMETER" doctor > out; echo $?; sed -n '/^Pythons/,$p' out
  1
  Pythons
            none found: no python3 on PATH, no pyenv
  
  Profiling does not work here.
  No Python here can be profiled: sudo apt-get install python3

One that is asked about and is not there.

  $ pyrometer doctor --python /nonexist | sed -n '/^Pythons/,+2p'
  Pythons
    no      ?                         /nonexist  (`pyrometer run` takes this one)
              not found
  $ pyrometer doctor --python /nonexist | tail -1
  The Python that `pyrometer run` would take cannot be profiled. Name another: pyrometer run --python .* app.py (re)

One that hangs, one that lies, one that is no Python.

  $ mkdir p; printf '#!/bin/sh\nprintf "CPython\\n9.9\\n\\033[2Jevil\\n"; exec sleep 30\n' > p/python3
  $ printf '#!/bin/sh\necho hello\n' > p/python3.12; chmod +x p/*
  $ PATH=$PWD/p:/bin HOME=/nowhere "$PYROMETER" doctor | sed -n '/^Pythons/,$p' | head -6 | cat -v
  Pythons
    no      9.9                       $TMP/here/p/python3  (`pyrometer run` takes this one)
              is \x1b[2Jevil
              Process \d+ \(.*\) is not a Python program: no CPython interpreter is in it\. (re)
    no      ?                         $TMP/here/p/python3.12
              does not say what it is
