The committed man pages are those that the option table gives, and are clean.

  $ pyrometer --man . && for p in pyrometer*.1; do cmp "$p" "$TESTS/../../docs/man/$p"; done; ls
  pyrometer-attach.1
  pyrometer-ctl.1
  pyrometer-doctor.1
  pyrometer-dump.1
  pyrometer-export.1
  pyrometer-report.1
  pyrometer-run.1
  pyrometer.1
  $ for p in pyrometer*.1; do groff -man -Tutf8 -ww -z "$p" 2>&1; done

Completion offers what the table holds.

  $ pyrometer --completion > completion.bash
  $ cat > try.bash <<'EOF'
  > source ./completion.bash
  > COMP_WORDS=(pyrometer "$@"); COMP_CWORD=$#
  > _pyrometer; printf '%s\n' "${COMPREPLY[@]}" | sort
  > EOF
  $ bash try.bash r
  report
  run
  $ bash try.bash report --s
  --sort
  --state
  $ bash try.bash report --sort s
  self
  $ bash try.bash export --format ''
  collapsed
  speedscope
  $ bash try.bash run --no
  --no-source
  --no-subprocesses
  $ touch a.pyro b.txt; mkdir .pyrometer; touch .pyrometer/c.pyro
  $ bash try.bash export ''
  .pyrometer
  .pyrometer/c.pyro
  a.pyro
