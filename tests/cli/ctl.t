What `ctl` says when there is nothing to ask.

  $ pyrometer ctl 12
  pyrometer: `pyrometer ctl` takes the number of a process and on, off, flush or status.
  [2]
  $ pyrometer ctl app.py off
  pyrometer: `pyrometer ctl` takes the number of a process, not `app.py`.
  [2]
  $ pyrometer ctl 12 pause
  pyrometer: `pyrometer ctl` knows on, off, flush and status, not `pause`.
  [2]
  $ pyrometer ctl 4194304 off
  pyrometer: No recorder of process 4194304 answers here: PID is the process that `pyrometer run` started or `pyrometer attach` was given, or the recorder itself, in the same network namespace.
  [125]
