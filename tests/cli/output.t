Where recordings go.

  $ printf 'sum(i * i for i in range(3_000_000))\n' > "my app.py"
  $ pyrometer run -q "my app.py"
  $ pyrometer run -q -m timeit -n 1 'sum(range(9_000_000))' >/dev/null 2>&1
  $ pyrometer run -q -c 'sum(range(9_000_000))' 2>/dev/null
  $ ls .pyrometer
  code-\d{8}T\d{6}-\d+\.pyro (re)
  my_app-\d{8}T\d{6}-\d+\.pyro (re)
  timeit-\d{8}T\d{6}-\d+\.pyro (re)
  $ stat -c %a .pyrometer .pyrometer/*.pyro
  700
  600
  600
  600
  $ cat .pyrometer/.gitignore
  *

An output that exists is not overwritten without -f, and nothing is run.

  $ echo precious > x.pyro
  $ pyrometer run -o x.pyro -c 'print("ran")'
  pyrometer: x.pyro exists. Overwrite it with -f, or give another name with -o.
  [125]
  $ cat x.pyro
  precious
  $ pyrometer run -q -f -o x.pyro -c 'print("ran")' 2>/dev/null
  ran
  $ echo precious > x.collapsed
  $ pyrometer run -o x.collapsed -c 'print("ran")'
  pyrometer: x.collapsed exists. Overwrite it with -f, or give another name with -o.
  [125]
  $ pyrometer export -o x.collapsed
  pyrometer: x.collapsed exists. Overwrite it with -f, or give another name with -o.
  [125]
  $ cat x.collapsed
  precious
  $ pyrometer run -o no/such/folder/x.pyro -c 'print("ran")'
  pyrometer: cannot create no/such/folder/x.pyro: No such file or directory
  [125]
  $ pyrometer run -o .pyrometer -c 'print("ran")'
  pyrometer: .pyrometer is a folder. Give a file's name with -o.
  [125]

Where the folder for recordings cannot be written, another place can.

  $ mkdir other; cd other; touch .pyrometer
  $ pyrometer run -c 'print("ran")'
  pyrometer: Cannot write into the folder .pyrometer here: Not a directory. Name another place with -o FILE.
  [125]
  $ cd ..; rm -r other

The ending chooses what is written; no other file is left.

  $ pyrometer run -qf -o x.collapsed "my app.py"
  $ grep -q 'genexpr' x.collapsed
  $ pyrometer run -f -o x.collapsed "my app.py" 2>&1 | tail -1
    export     x.collapsed
  $ pyrometer run -q -o x.speedscope.json "my app.py"
  $ head -c 61 x.speedscope.json; echo
  {"$schema":"https://www.speedscope.app/file-format-schema.jso
  $ pyrometer run -q -o x.strange "my app.py"; head -c 4 x.strange | od -An -c | tr -d ' \n'; echo
  PYRO
  $ ls -A
  .pyrometer
  my app.py
  x.collapsed
  x.pyro
  x.speedscope.json
  x.strange

An export that cannot be written keeps the recording; the program's status stands.

  $ ln -s /dev/full full.collapsed
  $ pyrometer run -q -o full.collapsed -c 'sum(i*i for i in range(3_000_000)); raise SystemExit(4)'
  pyrometer: Cannot write full\.collapsed: No space left on device\. The recording is kept as \.full\.collapsed\.\d+\.pyro: `pyrometer export` makes the export of it\. (re)
  [4]
  $ ls -A | grep -c 'full.collapsed.*pyro'
  1
  $ pyrometer run -o full.collapsed "my app.py" 2>&1 | tail -1
    recording  \.full\.collapsed\.\d+\.pyro (re)

A command without a Python leaves no recording that would be the newest; one that was asked for stays.

  $ mkdir none && cd none
  $ pyrometer run -q true
  pyrometer: No Python was seen in the command's process tree, so there is no profile: name a Python program, or a command that starts one.
  $ ls .pyrometer
  $ pyrometer run -q -o true.pyro true 2>/dev/null; ls
  true.pyro
