/*
 * Is the machine well?  One that is overloaded, swaps, or has a full disk can be profiled all the
 * same, but the profile shows its waiting beside the program's: so nothing here is worse than a
 * warning.  The judges are pure: each is given the texts of files of /proc, NULL for one that is
 * not there, and believes no number that is none.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STEAL_PERCENT 2
#define AVAILABLE_PERCENT 5
#define DISK_BYTES 100e6
#define DISK_PERCENT 1
#define PRESSURE_PERCENT 10

#define LOOK_NS 200000000 /* between the two reads of what only counts up */
#define TEXT_MAX (1 << 20)

#define WHO_COMPUTES "top -o %CPU"
#define WHO_HAS_MEMORY "top -o %MEM"
#define WHO_WAITS_FOR_DISKS "ps -eo pid,stat,comm | awk '$2 ~ /^D/'"

static void begin(struct pyro_check *check, const char *key, const char *label)
{
    *check = (struct pyro_check){
        .key = key, .label = label, .verdict = PYRO_INFO, .text = "not told by this kernel"};
}

/* Good or a warning; the text is still to be written. */
static void decide(struct pyro_check *check, bool warns, const char *mend)
{
    check->verdict = warns ? PYRO_WARN : PYRO_GOOD;
    snprintf(check->mend, sizeof check->mend, "%s", warns ? mend : "");
}

/* The number that the text begins with. */
static bool number(const char *text, double *out)
{
    char *end;
    text += strspn(text, " \t");
    if (*text < '0' || *text > '9')
        return false;
    *out = strtod(text, &end);
    return *out < 1e15 && strchr(" \t\n", *end);
}

/* The number behind the key that a line begins with. */
static bool number_of(const char *text, const char *key, double *out)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, strlen(key)) == 0)
            return number(line + strlen(key), out);
    }
    return false;
}

void pyro_cli_judge_load(const char *loadavg, int cpus, struct pyro_check *check)
{
    double load;
    begin(check, "load", "Load");
    if (!loadavg || cpus < 1 || !number(loadavg, &load))
        return;
    decide(check, load > cpus, WHO_COMPUTES);
    snprintf(check->text, sizeof check->text, "%.2f in the last minute, for %d usable CPU%s%s",
             load, cpus, cpus == 1 ? "" : "s",
             load > cpus ? ": threads queue for a CPU, which samples show as run-queue delay, and "
                           "ticks are missed"
                         : "");
}

/* The time of all CPUs so far, and what the hypervisor gave to others of it. */
static bool cpu_time(const char *stat, double *all, double *stolen)
{
    enum { FIELDS = 8 }; /* steal is the last; those of guests are within the user's */
    if (strncmp(stat, "cpu ", 4) != 0)
        return false;
    const char *at = stat + 4;
    *all = 0;
    for (int i = 0; i < FIELDS; i++) {
        at += strspn(at, " ");
        if (!number(at, stolen))
            return false;
        *all += *stolen;
        at += strcspn(at, " \n");
    }
    return true;
}

void pyro_cli_judge_steal(const char *before, const char *after, struct pyro_check *check)
{
    double all[2], stolen[2];
    begin(check, "steal", "Stolen time");
    if (!before || !after || !cpu_time(before, &all[0], &stolen[0]) ||
        !cpu_time(after, &all[1], &stolen[1]) || all[1] <= all[0] || stolen[1] < stolen[0])
        return;
    double now = 100 * (stolen[1] - stolen[0]) / (all[1] - all[0]);
    decide(check, now >= STEAL_PERCENT,
           "Profile where the CPUs are not shared, such as on a dedicated instance.");
    snprintf(check->text, sizeof check->text,
             "%.1f %% of the CPUs now, %.1f %% since the start of the machine%s", now,
             100 * stolen[1] / all[1],
             now >= STEAL_PERCENT
                 ? ": the hypervisor runs others meanwhile, so that the program is slower and "
                   "ticks are missed"
                 : "");
}

void pyro_cli_judge_swap(const char *before, const char *after, const char *meminfo,
                         struct pyro_check *check)
{
    double in[2], out[2], total, available;
    bool moves_known = before && after && number_of(before, "pswpin ", &in[0]) &&
                       number_of(before, "pswpout ", &out[0]) &&
                       number_of(after, "pswpin ", &in[1]) &&
                       number_of(after, "pswpout ", &out[1]) && in[1] >= in[0] && out[1] >= out[0];
    bool memory_known = meminfo && number_of(meminfo, "MemTotal:", &total) && total > 0 &&
                        number_of(meminfo, "MemAvailable:", &available) && available <= total;
    begin(check, "swap", "Swap");
    if (!moves_known && !memory_known)
        return;
    bool swaps = moves_known && (in[1] > in[0] || out[1] > out[0]);
    bool scarce = memory_known && 100 * available < AVAILABLE_PERCENT * total;
    char moves[100] = "", memory[100] = "";
    if (moves_known)
        snprintf(moves, sizeof moves, "%.0f pages in and %.0f out now", in[1] - in[0],
                 out[1] - out[0]);
    if (memory_known)
        snprintf(memory, sizeof memory, "%.1f %% of the memory available", 100 * available / total);
    decide(check, swaps || scarce, WHO_HAS_MEMORY);
    snprintf(check->text, sizeof check->text, "%s%s%s%s", moves,
             moves_known && memory_known ? ", " : "", memory,
             swaps    ? ": programs wait for their memory, at lines that only compute"
             : scarce ? ": the machine is about to swap, or to kill what takes most"
                      : "");
}

static bool is_short(const struct pyro_disk *disk)
{
    return disk->free < DISK_BYTES || 100 * disk->free < DISK_PERCENT * disk->size;
}

static bool is_fuller(const struct pyro_disk *a, const struct pyro_disk *b)
{
    return is_short(a) != is_short(b) ? is_short(a) : a->free < b->free;
}

void pyro_cli_judge_disks(const struct pyro_disk *disks, size_t count, struct pyro_check *check)
{
    const struct pyro_disk *fullest = NULL;
    begin(check, "disk", "Disk");
    for (const struct pyro_disk *disk = disks; disk < disks + count; disk++)
        if (disk->size > 0 && (!fullest || is_fuller(disk, fullest)))
            fullest = disk;
    if (!fullest)
        return;
    decide(check, is_short(fullest),
           fullest->is_temporary ? "Free some of it, or set TMPDIR to a folder on another disk."
                                 : "Free some of it, or record to another disk: pyrometer run -o "
                                   "FILE app.py");
    bool is_large = fullest->free >= 1e9;
    snprintf(check->text, sizeof check->text, "%.1f %s free (%.1f %%) in %.250s%s",
             fullest->free / (is_large ? 1e9 : 1e6), is_large ? "GB" : "MB",
             100 * fullest->free / fullest->size, fullest->path,
             is_short(fullest) ? ": a recording, or what the program writes, may not fit" : "");
}

void pyro_cli_judge_pressure(const char *const texts[PYRO_PRESSURES], struct pyro_check *check)
{
    static const char *const names[] = {"CPUs", "memory", "disks"};
    static const char *const mends[] = {WHO_COMPUTES, WHO_HAS_MEMORY, WHO_WAITS_FOR_DISKS};
    char shares[200] = "";
    double share, most = 0;
    int at_most = -1;

    begin(check, "pressure", "Pressure");
    for (int i = 0; i < PYRO_PRESSURES; i++) {
        if (!texts[i] || !number_of(texts[i], "some avg10=", &share) || share > 100)
            continue;
        size_t used = strlen(shares);
        snprintf(shares + used, sizeof shares - used, "%s%.1f %% for %s", used ? ", " : "", share,
                 names[i]);
        if (at_most < 0 || share > most) {
            at_most = i;
            most = share;
        }
    }
    if (at_most < 0)
        return;
    decide(check, most >= PRESSURE_PERCENT, mends[at_most]);
    snprintf(check->text, sizeof check->text, "threads waited in the last 10 s: %s%s", shares,
             most >= PRESSURE_PERCENT ? "; a profile shows that too" : "");
}

/* NULL: it is not there. */
static char *text_of(const char *path)
{
    char *text;
    size_t size;
    return pyro_base_read_file(path, TEXT_MAX, &text, &size, NULL) == 0 ? text : NULL;
}

void pyro_cli_health_begin(struct pyro_health *health)
{
    health->begun_ns = pyro_base_monotonic_ns();
    health->stat = text_of("/proc/stat");
    health->vmstat = text_of("/proc/vmstat");
    health->loadavg = text_of("/proc/loadavg");
    health->pressure[0] = text_of("/proc/pressure/cpu");
    health->pressure[1] = text_of("/proc/pressure/memory");
    health->pressure[2] = text_of("/proc/pressure/io");
}

static void check_disks(struct pyro_check *check)
{
    const char *temporary = getenv("TMPDIR");
    char folder[PATH_MAX];
    struct pyro_disk disks[] = {
        {.path = getcwd(folder, sizeof folder) ? folder : "."},
        {.path = PYRO_FOLDER},
        {.path = temporary && *temporary ? temporary : "/tmp", .is_temporary = true},
    };
    size_t count = sizeof disks / sizeof *disks;

    for (size_t i = 0; i < count; i++) {
        struct statvfs fs;
        if (statvfs(disks[i].path, &fs) != 0)
            continue;
        disks[i].free = (double)fs.f_bavail * (double)fs.f_frsize;
        disks[i].size = (double)fs.f_blocks * (double)fs.f_frsize;
    }
    pyro_cli_judge_disks(disks, count, check);
}

void pyro_cli_health_end(struct pyro_health *health, struct pyro_check out[PYRO_HEALTH_CHECKS])
{
    uint64_t passed = pyro_base_monotonic_ns() - health->begun_ns;
    if (passed < LOOK_NS)
        usleep((useconds_t)((LOOK_NS - passed) / 1000));
    char *stat = text_of("/proc/stat"), *vmstat = text_of("/proc/vmstat");
    char *meminfo = text_of("/proc/meminfo");

    pyro_cli_judge_load(health->loadavg, pyro_cli_usable_cpus(), &out[0]);
    pyro_cli_judge_steal(health->stat, stat, &out[1]);
    pyro_cli_judge_swap(health->vmstat, vmstat, meminfo, &out[2]);
    check_disks(&out[3]);
    pyro_cli_judge_pressure((const char *const *)health->pressure, &out[4]);
    free(stat);
    free(vmstat);
    free(meminfo);
    free(health->stat);
    free(health->vmstat);
    free(health->loadavg);
    for (int i = 0; i < PYRO_PRESSURES; i++)
        free(health->pressure[i]);
}
