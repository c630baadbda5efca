/*
 * control: what `pyrometer ctl` asks of a recorder.  The recorder listens on sockets with abstract
 * names, "pyrometer/PID" of itself and of the process that it records, which leave nothing on disk
 * and vanish with it; they belong to a network namespace.  A request is a word, the answer a
 * sentence.  Only the same user and root are listened to.
 */
#include "record_priv.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOK_NS 20000000     /* between looks for a request */
#define SILENT_NS 1000000000 /* how long a client may take to say what it wants */
#define ANSWER_S 10          /* how long an answer is waited for */

static const char *const words[] = {[CONTROL_ON] = "on",
                                    [CONTROL_OFF] = "off",
                                    [CONTROL_FLUSH] = "flush",
                                    [CONTROL_STATUS] = "status"};

static socklen_t name_of(pid_t pid, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "pyrometer/%d", (int)pid);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static int listen_as(pid_t pid)
{
    struct sockaddr_un name;
    socklen_t size = name_of(pid, &name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, 4) == 0)
        return fd;
    close(fd); /* another recorder has the name: it is the one that is asked */
    return -1;
}

void control_begin(struct control *c, pid_t recorded)
{
    c->sockets[0] = listen_as(getpid());
    c->sockets[1] = listen_as(recorded);
    c->client = -1;
    c->looked = 0;
}

void control_end(struct control *c)
{
    const int fds[] = {c->sockets[0], c->sockets[1], c->client};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Is who is at the other end the same user, or root? */
static bool is_trusted(int fd)
{
    struct ucred who;
    socklen_t size = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

static void accept_client(struct control *c, uint64_t now)
{
    struct pollfd asked[] = {{c->sockets[0], POLLIN, 0}, {c->sockets[1], POLLIN, 0}};
    if (c->client >= 0 || poll(asked, 2, 0) <= 0)
        return;
    for (int i = 0; i < 2 && c->client < 0; i++) {
        if (asked[i].revents == 0)
            continue;
        c->client = accept4(c->sockets[i], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (c->client >= 0 && !is_trusted(c->client)) {
            close(c->client);
            c->client = -1;
        }
        c->accepted = now;
    }
}

enum control_request control_look(struct control *c, uint64_t now)
{
    char word[32];
    if (now - c->looked < LOOK_NS)
        return CONTROL_NOTHING;
    c->looked = now;
    accept_client(c, now);
    ssize_t size = c->client < 0 ? -1 : recv(c->client, word, sizeof word - 1, 0);
    if (c->client < 0 ||
        (size < 0 && (errno == EAGAIN || errno == EINTR) && now - c->accepted < SILENT_NS))
        return CONTROL_NOTHING;
    word[size > 0 ? size : 0] = '\0';
    for (int i = CONTROL_ON; i <= CONTROL_STATUS; i++)
        if (strcmp(word, words[i]) == 0)
            return (enum control_request)i;
    control_answer(c, "");
    return CONTROL_NOTHING;
}

void control_answer(struct control *c, const char *sentence)
{
    send(c->client, sentence, strlen(sentence), MSG_NOSIGNAL);
    close(c->client);
    c->client = -1;
}

int pyro_record_ask(int pid, const char *word, char *answer, size_t size, struct pyro_error *err)
{
    struct sockaddr_un name;
    socklen_t length = name_of(pid, &name);
    const struct timeval patience = {.tv_sec = ANSWER_S};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return pyro_base_fail(err, PYRO_E_IO, "Cannot make a socket: %s.", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t got = -1;
    bool reached = connect(fd, (struct sockaddr *)&name, length) == 0;
    bool trusted = reached && (geteuid() == 0 || is_trusted(fd)); /* anybody can take the name */
    if (trusted && send(fd, word, strlen(word), MSG_NOSIGNAL) >= 0)
        got = recv(fd, answer, size - 1, 0);
    close(fd);
    if (!reached)
        return pyro_base_fail(err, PYRO_E_NOT_FOUND,
                              "No recorder of process %d answers here: PID is the process that "
                              "`pyrometer run` started or `pyrometer attach` was given, or the "
                              "recorder itself, in the same network namespace.",
                              pid);
    if (got <= 0)
        return pyro_base_fail(err, PYRO_E_PERMISSION,
                              "The recorder of process %d does not answer: it listens to the user "
                              "that it runs as, and to root.",
                              pid);
    answer[got] = '\0';
    return 0;
}
