The command line itself: what is wrong with it, and what was meant.

  $ pyrometer --version
  pyrometer 0.1.0
  $ pyrometer 2>&1 | head -1
  Usage: pyrometer COMMAND [OPTIONS] ...
  $ pyrometer help | sed -n '/^Commands/,/^$/p'
  Commands:
    run       run a program and record where its time goes
    attach    record a program that is running already
    dump      show what every thread of a running program is doing
    ctl       switch a running recording off and on, or have it written
    report    show a recording
    export    write a recording in another tool's format
    doctor    say whether profiling works here, and what mends it
    help      explain a command
  
  $ pyrometer rnu app.py
  pyrometer: There is no command `rnu`. Did you mean `run`?
  [2]
  $ pyrometer frobnicate
  pyrometer: There is no command `frobnicate`. `pyrometer help` lists those there are.
  [2]
  $ echo 'print("hi")' > app.py
  $ pyrometer app.py
  pyrometer: There is no command `app.py`. To run it: `pyrometer run app.py`.
  [2]
  $ pyrometer --verson
  pyrometer: There is no option --verson before the command. Did you mean --version? `pyrometer help` lists the commands.
  [2]
  $ pyrometer help rprot
  pyrometer: There is no command `rprot`. Did you mean `report`?
  [2]
  $ pyrometer help run export
  pyrometer: `pyrometer help` takes one command.
  [2]

An option that is not there, with the one that was meant.

  $ pyrometer run --ouptut x app.py
  pyrometer: `pyrometer run` has no option --ouptut. Did you mean --output? `pyrometer run --help` lists those it has.
  [2]
  $ pyrometer report --lim 3
  pyrometer: `pyrometer report` has no option --lim. Did you mean --limit? `pyrometer report --help` lists those it has.
  [2]
  $ pyrometer export --colour
  pyrometer: `pyrometer export` has no option --colour. `pyrometer export --help` lists those it has.
  [2]
  $ pyrometer run -X dev app.py
  pyrometer: `pyrometer run` has no option -X. Options for Python itself go behind `--`: `pyrometer run -- python3 -X ...`. `pyrometer run --help` lists those it has.
  [2]
  $ pyrometer doctor -z
  pyrometer: `pyrometer doctor` has no option -z. `pyrometer doctor --help` lists those it has.
  [2]

Values are checked before anything is run.

  $ pyrometer run --rate 0 app.py
  pyrometer: --rate takes a number of ticks a second from 1 to 50000, or `max`; not `0`.
  [2]
  $ pyrometer run --rate 50001 app.py
  pyrometer: --rate takes a number of ticks a second from 1 to 50000, or `max`; not `50001`.
  [2]
  $ pyrometer run --rate fast app.py
  pyrometer: --rate takes a number of ticks a second from 1 to 50000, or `max`; not `fast`.
  [2]
  $ pyrometer run --rate=1e3 app.py
  pyrometer: --rate takes a number of ticks a second from 1 to 50000, or `max`; not `1e3`.
  [2]
  $ pyrometer run --seed -1 app.py
  pyrometer: --seed takes a whole number of at most 64 bits, not `-1`.
  [2]
  $ pyrometer run --seed 18446744073709551616 app.py
  pyrometer: --seed takes a whole number of at most 64 bits, not `18446744073709551616`.
  [2]
  $ pyrometer run --quiet=yes app.py
  pyrometer: --quiet takes no value.
  [2]
  $ pyrometer run -o
  pyrometer: -o needs a FILE.
  [2]
  $ pyrometer run -c
  pyrometer: -c needs a piece of code.
  [2]
  $ pyrometer run -o '' app.py
  pyrometer: -o needs a FILE, but what is given is empty.
  [2]
  $ pyrometer run -o - app.py
  pyrometer: -o needs a file's name: stdout belongs to the program.
  [2]
  $ pyrometer report --sort speed
  pyrometer: --sort takes self, total, name or file, not `speed`.
  [2]
  $ pyrometer report --limit 0
  pyrometer: --limit takes a whole number from 1, not `0`.
  [2]
  $ pyrometer export --format pprof
  pyrometer: --format takes collapsed or speedscope, not `pprof`.
  [2]
  $ pyrometer export
  pyrometer: Which format? Say --format collapsed or --format speedscope, or let the output's name end in .collapsed or .speedscope.json.
  [2]
  $ pyrometer export -o x.svg
  pyrometer: Which format? Say --format collapsed or --format speedscope, or let the output's name end in .collapsed or .speedscope.json.
  [2]
  $ pyrometer export a.pyro b.pyro --format collapsed
  pyrometer: `pyrometer export` takes one recording, and `b.pyro` is a second.
  [2]
  $ pyrometer report a.pyro b.pyro
  pyrometer: There is no view `b.pyro`; there are summary, functions, tree and lines.
  [2]
  $ pyrometer report lines
  pyrometer: `lines` needs a function or a file: `pyrometer report lines main.py`.
  [2]
  $ pyrometer report tree a.pyro
  pyrometer: `pyrometer report` takes one recording and one view; `a.pyro` is one word too many. The recording comes before the view.
  [2]
  $ pyrometer report lines main.py a.pyro
  pyrometer: `pyrometer report` takes one recording and one view; `a.pyro` is one word too many. The recording comes before the view.
  [2]
  $ pyrometer report --json tree
  pyrometer: --json holds all views: leave out the word `tree`.
  [2]
  $ pyrometer report --json --limit 3
  pyrometer: --json holds all rows: leave out --limit.
  [2]
  $ for view in summary tree 'lines f' --json; do pyrometer report $view --sort total; done
  pyrometer: --sort is for the view `functions` only: `pyrometer report functions --sort total`.
  pyrometer: --sort is for the view `functions` only: `pyrometer report functions --sort total`.
  pyrometer: --sort is for the view `functions` only: `pyrometer report functions --sort total`.
  pyrometer: --sort is for the view `functions` only: `pyrometer report functions --sort total`.
  [2]
  $ pyrometer doctor now
  pyrometer: `pyrometer doctor` takes the number of a process, not `now`.
  [2]
  $ ls
  app.py

Help of a command is the same by both ways, and 80 columns wide.

  $ pyrometer run --help > a; pyrometer help run > b; cmp a b
  $ for c in run report export doctor help; do pyrometer $c -h; done | awk 'length > 80'

What an option chooses from is said by its help, which takes it from the same table.

  $ pyrometer report --help | grep -A1 -e '--sort KEY'
        --sort KEY          KEY is self, total, name or file. Order of the view
                            `functions`: `self` if not given.
  $ pyrometer export --help | grep -o 'WHAT is .* instruction\.'
  WHAT is function, line or instruction.

Nothing of the command line reaches the terminal raw.

  $ pyrometer "$(printf '\033[2J\302\233')"
  pyrometer: There is no command `\x1b[2J\x9b`. `pyrometer help` lists those there are.
  [2]
  $ pyrometer run "$(printf '\033]0;x\007')"
  pyrometer: Cannot run \x1b]0;x\x07: not found. There is no such file in this folder and no such command on PATH. A module is run with -m.
  [127]
  $ pyrometer run --"$(printf 'a\nb')" x
  pyrometer: `pyrometer run` has no option --a\nb. Options for Python itself go behind `--`: `pyrometer run -- python3 --a\nb ...`. `pyrometer run --help` lists those it has.
  [2]
