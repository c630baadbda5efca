What is shown on a terminal only: progress of a long run, colours, links.

  $ "$PYTHON" "$TESTS/check_terminal.py"
  progress: True 0
  put back and cleared: True True
  quiet: True
  NO_COLOR: True
  short: no progress True colours True
  links: True
  dumb: True
  Ctrl-C: True 9 True
  Ctrl-C not caught: -2 True True
