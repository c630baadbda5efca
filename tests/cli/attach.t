What `attach` says when there is nothing to attach to.

  $ pyrometer attach
  pyrometer: `pyrometer attach` takes the number of one process.
  [2]
  $ pyrometer attach 12 13
  pyrometer: `pyrometer attach` takes the number of one process.
  [2]
  $ pyrometer attach app.py
  pyrometer: `pyrometer attach` takes the number of a process, not `app.py`.
  [2]
  $ pyrometer attach --duration 5q 1
  pyrometer: --duration takes a time such as `10s`, `500ms` or `2m`, not `5q`.
  [2]
  $ pyrometer attach --delay 0 1
  pyrometer: --delay takes a time such as `10s`, `500ms` or `2m`, not `0`.
  [2]
  $ pyrometer attach 4194304
  pyrometer: There is no process 4194304.
  [125]
  $ ls -A .pyrometer 2>/dev/null | grep -c pyro$
  0
  [1]
