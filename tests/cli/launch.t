What `run` starts, and with which Python.

(What `run` says of programs too short to be seen is not the matter here.)

  $ quietly() { "$PYROMETER" $before run -q "$@" 2>/dev/null; }
  $ mkdir tools pkg empty && printf 'import sys\nprint(sys.argv[1:])\n' > app.py
  $ cp app.py pkg/__main__.py
  $ quietly app.py -q --rate x -- y
  ['-q', '--rate', 'x', '--', 'y']
  $ quietly -m this | head -1
  The Zen of Python, by Tim Peters
  $ quietly -c 'import sys; print(sys.argv)' -m x
  ['-c', '-m', 'x']
  $ quietly pkg 1
  ['1']
  $ quietly -- python3 app.py 2
  ['2']

A bare name that is not in the folder is sought on PATH; a file that names its own interpreter is
run as it is; Python's own sources are not.

  $ printf '#!/bin/sh\nexec python3 -c "print(\\"tool\\", \\"$1\\")"\n' > tools/tool; chmod +x tools/tool
  $ PATH=$PWD/tools:$PATH quietly tool a
  tool a
  $ cp tools/tool here; quietly here b
  tool b
  $ quietly ./here c
  tool c
  $ printf '#!/bin/false\nprint("by Python")\n' > own.py; chmod +x own.py; quietly own.py
  by Python

The Python: --python before the one of `python -m pyrometer` before $VIRTUAL_ENV before PATH.

  $ for p in given default; do printf '#!/bin/sh\necho %s\nexec python3 "$@"\n' $p > $p; done
  $ mkdir -p venv/bin; printf '#!/bin/sh\necho venv\nexec python3 "$@"\n' > venv/bin/python
  $ chmod +x given default venv/bin/python; export VIRTUAL_ENV=$PWD/venv
  $ before="--default-python $PWD/default" quietly --python ./given -c 'print(1)'
  given
  1
  $ before="--default-python $PWD/default" quietly -c 'print(1)'
  default
  1
  $ quietly -c 'print(1)'
  venv
  1
  $ unset VIRTUAL_ENV
  $ quietly -c 'print(1)'
  1
  $ quietly --python venv -c 'print(1)'
  venv
  1
  $ cp tools/tool venv/bin/only-there; quietly --python venv only-there d
  tool d

What cannot be started is said, with the status that a shell has for it.

  $ pyrometer run nothing-of-the-kind
  pyrometer: Cannot run nothing-of-the-kind: not found. There is no such file in this folder and no such command on PATH. A module is run with -m.
  [127]
  $ pyrometer run ./nothing.py
  pyrometer: Cannot run ./nothing.py: not found. There is no such file.
  [127]
  $ pyrometer run ./empty
  pyrometer: Cannot run the folder ./empty: it has no __main__.py.
  [126]
  $ pyrometer run empty
  pyrometer: Cannot run the folder empty: it has no __main__.py.
  [126]
  $ cd empty; pyrometer run .; cd ..
  pyrometer: Cannot run the folder .: it has no __main__.py.
  $ pyrometer run -- nothing-of-the-kind
  pyrometer: Cannot run nothing-of-the-kind: not found.
  [127]
  $ pyrometer run -- ./app.py
  pyrometer: Cannot run ./app.py: it may not be executed.
  [126]
  $ printf '#!/no/such/interpreter\n' > bad; chmod +x bad; pyrometer run -o bad.pyro ./bad
  pyrometer: Cannot run ./bad: No such file or directory. If the file is there, the interpreter that its first line names is not.
  [127]
  $ ls bad.pyro
  ls: cannot access 'bad.pyro': No such file or directory
  [2]
  $ pyrometer run --python 3.99 app.py
  pyrometer: Cannot run the Python 3.99: not found. `pyrometer doctor` lists those that are here.
  [127]
  $ PATH=/nowhere "$PYROMETER" run app.py
  pyrometer: Cannot run python3: not found. Name a Python with --python PATH; `pyrometer doctor` lists those that are here.
  [127]
  $ pyrometer run
  pyrometer: Nothing to run. Give a program: `pyrometer run app.py`, `pyrometer run -m MODULE` or `pyrometer run -- COMMAND`.
  [2]
  $ pyrometer run --
  pyrometer: Nothing to run. Give a program: `pyrometer run app.py`, `pyrometer run -m MODULE` or `pyrometer run -- COMMAND`.
  [2]
