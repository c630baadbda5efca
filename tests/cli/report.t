Which recording and which view `report` and `export` take.

  $ pyrometer report
  pyrometer: There is no recording in ./.pyrometer. Make one with `pyrometer run app.py`, or name the file.
  [125]
  $ printf 'def inner(n):\n    return sum(i * i for i in range(n))\nclass Outer:\n    def work(self):\n        for _ in range(40):\n            inner(50_000)\nOuter().work()\n' > app.py
  $ pyrometer run -q app.py; pyrometer run -q -c pass 2>/dev/null
  $ touch -d '1 hour ago' .pyrometer/code-*
  $ pyrometer report functions --sort total | grep -c Outer.work
  1
  $ pyrometer report tree | grep -c Outer.work
  1
  $ pyrometer report lines app.py | grep -c 'inner(50_000)'
  1
  $ pyrometer report .pyrometer/app-* summary | grep -c 'recording *.pyrometer/app-'
  1
  $ cp .pyrometer/app-* tree; pyrometer report tree tree | grep -c Outer.work
  1
  $ pyrometer report --only Nothing* functions | grep -c Outer.work
  0
  [1]
  $ pyrometer report tre
  pyrometer: cannot open tre: No such file or directory
  pyrometer: If `tre` was to be a view: did you mean tree?
  [125]
  $ pyrometer report tree wrong
  pyrometer: There is no view `wrong`; there are summary, functions, tree and lines.
  [2]
  $ pyrometer report .pyrometer/app-* fonctions
  pyrometer: There is no view `fonctions`; there are summary, functions, tree and lines. Did you mean functions?
  [2]
  $ pyrometer report missing.pyro
  pyrometer: cannot open missing.pyro: No such file or directory
  [125]
  $ pyrometer report app.py
  pyrometer: Cannot read app.py: not a Pyrometer recording
  [125]
  $ pyrometer report .
  pyrometer: . is not a file
  [125]
  $ pyrometer report lines nothing_here
  pyrometer: [Nn]o function and no file with samples is called nothing_here; the heaviest functions are: .* (re)
  [125]
  $ pyrometer report lines app.py:inner
  pyrometer: [Nn]o function and no file with samples is called app\.py:inner; the heaviest functions are: .* (re)
  [125]
  $ pyrometer report lines __main__:inner | grep -c 'def inner'
  1
  $ for view in summary functions tree; do pyrometer report --only nosuch $view | head -1; done
  No function with samples matches the filters given.
  No function with samples matches the filters given.
  No function with samples matches the filters given.
  $ pyrometer report > /dev/full
  pyrometer: Cannot write to stdout: No space left on device.
  [125]
  $ pyrometer report | true
  $ pyrometer export --format collapsed > /dev/full
  pyrometer: Cannot write to stdout: No space left on device.
  [125]
  $ pyrometer report --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["schema"])'
  pyrometer.report/1

A recording that was cut says so.

  $ head -c -20 tree > cut.pyro; pyrometer report cut.pyro functions >/dev/null
  pyrometer: cut.pyro is damaged or cut: this is what could be read.
  pyrometer: \d+ bytes of the recording from byte \d+ on cannot be read \(the file ends within a chunk\); what they held is missing\. (re)
  $ head -c 10 tree > stub.pyro; pyrometer report stub.pyro
  There are no samples in what can be read: the recording is cut or damaged.
  
    ending     the recording is cut or damaged: what is whole of it is shown
    warning    10 bytes of the recording from byte 0 on cannot be read (the file
               ends within its first bytes); what they held is missing.
  
    recording  stub.pyro

The lines that wait, with their source if the recording has it; not those of threads that run.

  $ printf 'import time\ndef waits():\n    time.sleep(0.5)\nwaits()\n' > wait.py
  $ pyrometer run -q wait.py; pyrometer report | grep ' on .*sleep'
    +\d+\.\d %  on `time.sleep\(0.5\)`, wait.py:3 (re)
  $ pyrometer report --mode cpu | grep -c ' on .*sleep'
  0
  [1]
  $ pyrometer run -q --no-source wait.py; pyrometer report | grep 'wait.py:3$'
    +\d+\.\d %  in `waits`, wait.py:3 (re)
