/*
 * The command table: each command's synopsis, prose and examples, from which help and the man page
 * are made.
 */
#include "cli.h"

#include <string.h>

#define LIST(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

#define STATUS_USAGE "2", "The command line is wrong; a sentence on stderr says where."
#define STATUS_FAILED "125", "It could not be done; a sentence on stderr says why."

const char *const pyro_cli_text[] = {
    "Pyrometer shows where a Python program spends its time. It looks at the program from outside, "
    "many times a second, without stopping it and without running any code in it, and keeps what "
    "it saw in a recording. Views and exports are made from the recording, at once or later.",
    "It profiles CPython 3.11 to 3.15 on Linux.",
    NULL,
};

const struct pyro_command pyro_cli_commands[PYRO_CMD_COUNT] = {
    [PYRO_CMD_RUN] =
        {
            .name = "run",
            .summary = "run a program and record where its time goes",
            .synopses = LIST("[OPTIONS] APP.PY [ARGS...]", "[OPTIONS] -m MODULE [ARGS...]",
                             "[OPTIONS] -c CODE [ARGS...]", "[OPTIONS] [--] COMMAND [ARGS...]"),
            .text = LIST(
                "Runs a program, records it until it ends, and prints a report on stderr. The "
                "program keeps its stdin, stdout, stderr and signals, and `pyrometer run` ends as "
                "the program ended: with its exit status, or by the same signal. Ctrl-C ends the "
                "program as it would have without Pyrometer; the profile up to then is kept.",
                "The first word that is no option is the program, and all that follows it is the "
                "program's. A file is run with the chosen Python (see --python); an executable "
                "file that is no .py file and names its own interpreter in its first line is run "
                "as it is, unless --python is given. A folder or archive is run if Python can. A "
                "bare name that is not in this folder is sought on PATH, then beside the chosen "
                "Python: `pyrometer run pytest -x`. After `--` comes any command, as a shell "
                "would find it; the Pythons among its processes are recorded.",
                "The recording is `.pyrometer/PROG-DATE-PID.pyro` unless -o says otherwise. It "
                "can be read while it is written. Only its owner may read it: it holds the "
                "program's arguments and source lines (see --no-source).",
                "Where the kernel lets a process read only its descendants (kernel.yama.ptrace_scope "
                "is 1, without CAP_SYS_PTRACE), `pyrometer run` adopts the processes of the program "
                "whose parent ends, to read them on: getppid() then gives them its number instead of "
                "that of init. The report says so if there were any."),
            .examples =
                LIST("pyrometer run app.py --size 100", "Run app.py with the Python of this shell.",
                     "pyrometer run pytest -x", "Run a command that is on PATH.",
                     "pyrometer run -o profile.speedscope.json -m http.server",
                     "Run a module and export its profile.", "pyrometer run -- make reports",
                     "Record the Pythons that make starts."),
            .statuses =
                LIST("N",
                     "The program's own exit status. If a signal ended it, the same signal ends "
                     "`pyrometer run`.",
                     STATUS_USAGE, "125",
                     "Nothing was run: the output exists or cannot be made, for one.", "126",
                     "The program was found but cannot be executed.", "127",
                     "The program was not found."),
            .words = PYRO_WORDS_PROGRAM,
            .main = pyro_cli_run,
        },
    [PYRO_CMD_ATTACH] =
        {
            .name = "attach",
            .summary = "record a program that is running already",
            .synopses = LIST("[OPTIONS] PID"),
            .text = LIST(
                "Records the process PID, its threads and the Pythons that it has started or "
                "starts, until it ends, the time of --duration is over, or Ctrl-C is pressed; then "
                "a report is printed on stderr. The program is not stopped or changed, and goes on. "
                "Where its calls are shorter than a microsecond its CPU is taken for 20 to 45 us now "
                "and then, as by any other process: 0.15 % of its time at the usual rate.",
                "PID may be the number that the process has in a container, if no process here has "
                "it.",
                "The recording is `.pyrometer/PROG-DATE-PID.pyro` unless -o says otherwise. It "
                "can be read while it is written: `pyrometer report`."),
            .examples = LIST("pyrometer attach 4242 --duration 10s",
                             "Where process 4242 spends its next ten seconds.",
                             "pyrometer attach $(pgrep -of gunicorn)",
                             "A server with all its workers, until Ctrl-C."),
            .statuses = LIST("0", "Done.", STATUS_USAGE, STATUS_FAILED),
            .words = PYRO_WORDS_PROCESS,
            .main = pyro_cli_attach,
        },
    [PYRO_CMD_DUMP] =
        {
            .name = "dump",
            .summary = "show what every thread of a running program is doing",
            .synopses = LIST("[OPTIONS] PID", "[OPTIONS] --core FILE"),
            .text = LIST(
                "Prints the stack of every thread of the process PID as it is now, the innermost "
                "call first, each with the line that it is at. The process is not stopped, and no "
                "code is run in it: it works on one that hangs, too. PID may be the number that "
                "the process has in a container, if no process here has it."),
            .examples = LIST("pyrometer dump 4242", "Where does process 4242 hang?",
                             "pyrometer dump --subprocesses $(pgrep -of gunicorn)",
                             "The same of a server and its workers.",
                             "pyrometer dump --locals --core core.4242",
                             "What it did when it crashed, and with which values."),
            .statuses = LIST("0", "Done.", STATUS_USAGE, STATUS_FAILED),
            .words = PYRO_WORDS_PROCESS,
            .main = pyro_cli_dump,
        },
    [PYRO_CMD_CTL] =
        {
            .name = "ctl",
            .summary = "switch a running recording off and on, or have it written",
            .synopses = LIST("PID on | off | flush | status"),
            .text = LIST(
                "Asks the recorder of the process PID, that `run` started or `attach` was given, "
                "or the recorder with that number. `off`: nothing is sampled until `on`; the "
                "program goes on as before, and that time is in no figure but those of the whole "
                "run, wall and CPU time. `flush`: what there is by now is written, to be looked at "
                "with `report`. `status`: whether it samples, and how much it has. Each prints the last.",
                "The recorder listens to the user that it runs as and to root, in its own network "
                "namespace."),
            .examples =
                LIST("pyrometer ctl 4242 off", "Leave out what comes now.",
                     "pyrometer ctl 4242 flush && pyrometer report", "What it has seen by now."),
            .statuses = LIST("0", "Done.", STATUS_USAGE, STATUS_FAILED),
            .views = LIST("on", "off", "flush", "status"),
            .words = PYRO_WORDS_PROCESS,
            .main = pyro_cli_ctl,
        },
    [PYRO_CMD_REPORT] =
        {
            .name = "report",
            .summary = "show a recording",
            .synopses = LIST("[OPTIONS] [REC] [summary | functions | tree]",
                             "[OPTIONS] [REC] lines TARGET"),
            .text = LIST(
                "Shows a recording: the newest of `./.pyrometer` if none is named. One that is "
                "still being written, or that was cut short, is shown as far as it goes, and how "
                "it ended is said.",
                "`summary` is the report that `run` ends with, and what is shown if no view is "
                "named. `functions` is the table of functions, `tree` the calls from the bottom "
                "up with the heaviest path opened, and `lines` the source of a function or file "
                "with the time of each line; its TARGET is a path, the end of one, a function's "
                "name or `module:qualname`. The program itself is the module `__main__`.",
                "A first word that is a view's name is that view, unless a file of that name is "
                "here: then it is the recording."),
            .figures = LIST(
                "samples, ticks",
                "At each tick, a thousand times a second if nothing else was asked for, every "
                "thread of every process is looked at: what it was doing is a sample. `taken`: so "
                "many are shown. `missed`: ticks that came when the recorder had no CPU. "
                "`discarded`: samples whose stack could not be read as it was. `folded`: samples "
                "charged to a caller, because the path above it is taken for two that were mixed. "
                "`found no Python frame`: the interpreter was starting or ending, or a thread ran "
                "no Python.",
                "self",
                "The share of all samples in which the function was the innermost one: its own "
                "code and what it calls that is not Python.",
                "total", "The share in which it was anywhere on the stack, recursion once.", "95 %",
                "The interval that holds the true share of this run's time in 19 of 20 cases. It "
                "says nothing of how another run would be.",
                "~",
                "A self share that is less sure: in more than 5 % of the function's samples the "
                "two reads that make a sample saw different functions on top, as where calls take "
                "less than a microsecond. Such a share has no interval.",
                "time", "The share in seconds of threads: two threads side by side make two.",
                "threads",
                "What threads did in the samples of which it is known: ran or could run, waited "
                "(slept in the kernel), held the GIL, collected garbage.",
                "view", "Of how many samples a filter left how many; all shares are of those.",
                "sampler", "The CPU time that the recorder itself used."),
            .examples =
                LIST("pyrometer report", "The summary of the newest recording.",
                     "pyrometer report lines main.py", "Its lines of main.py.",
                     "pyrometer report lines __main__:fib", "The lines of fib in the program run.",
                     "pyrometer report old.pyro functions --sort total --limit 30",
                     "A longer table of a certain recording.", "pyrometer report --mine tree",
                     "The tree of the program's own files."),
            .statuses = LIST("0", "Done.", STATUS_USAGE, STATUS_FAILED),
            .views = LIST("summary", "functions", "tree", "lines"),
            .words = PYRO_WORDS_RECORDING,
            .main = pyro_cli_report,
        },
    [PYRO_CMD_EXPORT] =
        {
            .name = "export",
            .summary = "write a recording in another tool's format",
            .synopses =
                LIST("[REC] --format FORMAT [-o FILE] [OPTIONS]", "[REC] -o FILE [OPTIONS]"),
            .text = LIST(
                "Writes a recording in another tool's format, to FILE or, without -o or for `-o "
                "-`, to stdout. The recording is the newest of `./.pyrometer` if none is named.",
                "In names, control characters, bytes that are not UTF-8 and, in `collapsed`, "
                "semicolons are written as \\xNN. Functions that differ but have the same label "
                "are numbered."),
            .examples =
                LIST("pyrometer export -o profile.speedscope.json", "Open it on speedscope.app.",
                     "pyrometer export --format collapsed --frames line | flamegraph.pl > a.svg",
                     "A flame graph that tells call sites apart."),
            .statuses = LIST("0", "Done.", STATUS_USAGE, STATUS_FAILED),
            .words = PYRO_WORDS_RECORDING,
            .main = pyro_cli_export,
        },
    [PYRO_CMD_DOCTOR] =
        {
            .name = "doctor",
            .summary = "say whether profiling works here, and what mends it",
            .synopses = LIST("[OPTIONS]", "[OPTIONS] PID"),
            .text = LIST(
                "Checks this machine: whether the kernel lets a process read the memory of its "
                "child (it tries), which settings stand in the way, which Pythons are here and "
                "which of them can be profiled (it starts each one and looks into it). For what "
                "is missing it names the command that mends it: for a container the lines for "
                "Docker, Compose and Kubernetes.",
                "It warns of a machine that is not well, on which a profile shows the machine's "
                "waiting beside the program's: a load above the number of CPUs, 2 % of their time "
                "or more stolen by the hypervisor, swapping or less than 5 % of the memory "
                "available, less than 100 MB or 1 % free in the working folder, `./.pyrometer` or "
                "$TMPDIR, threads that wait for CPUs, memory or disks for 10 % of the last 10 s "
                "or more. A warning does not change the answer.",
                "With the number of a process it says which Python that is, and those that it has "
                "started, and whether `attach` can read them. PID may be the number that the "
                "process has in a container, if no process here has it."),
            .examples = LIST("pyrometer doctor", "Can I profile here?", "pyrometer doctor 4242",
                             "Can I attach to process 4242?"),
            .statuses = LIST("0",
                             "Profiling works here, with at least one Python; or of that "
                             "process.",
                             "1", "It does not.", STATUS_USAGE),
            .words = PYRO_WORDS_PROCESS,
            .main = pyro_cli_doctor,
        },
    [PYRO_CMD_HELP] =
        {
            .name = "help",
            .summary = "explain a command",
            .synopses = LIST("[COMMAND]"),
            .text = LIST("Prints the help of a command, or the list of commands."),
            .examples = LIST("pyrometer help run", "The same as `pyrometer run --help`."),
            .statuses = LIST("0", "Done.", STATUS_USAGE),
            .words = PYRO_WORDS_COMMAND,
            .main = pyro_cli_help_command,
        },
};

enum pyro_command_id pyro_cli_command(const char *name)
{
    int id = 0;
    while (id < PYRO_CMD_COUNT && strcmp(pyro_cli_commands[id].name, name) != 0)
        id++;
    return (enum pyro_command_id)id;
}
