// The kernel taken away: a library that is loaded before libc (LD_PRELOAD) and answers a server's
// system calls itself, once its connections stand. What is left is the server's own time.
//
//   BENCH_CONNECTIONS  how many connections there have to be before it begins
//   BENCH_BYTES        the size of a message
//   BENCH_DATAGRAMS    set: there are datagrams instead, BENCH_CONNECTIONS of them at a time
//   BENCH_WINDOW       how many milliseconds a measured window has at least
//   BENCH_WINDOWS      how many windows there are; then it reports one line of JSON and ends the process
//
// Each connection has one message under way. The server reads it with recv or read and echoes it with
// send, write, writev or sendmsg; when all of it has come back, the next message arrives, to be told of
// by the next epoll_wait. As the kernel does, epoll_wait tells of as many as the server takes; of an
// edge-triggered connection once for each message, of a level-triggered one as long as something is
// left to be read; and a read that finds nothing answers EAGAIN.
//
// In the first round over all connections every byte is made and compared. After it, only the first
// eight of each message are (they have the number of the message and of the descriptor), so that the
// copies that the kernel would make are not measured; lengths are always checked. Nothing is
// subtracted for the library's own work, which is in the figures of all servers alike: the one in C
// with next to nothing of its own shows how much that is.
//
// Invariant: what is no connection of the server's is passed to the kernel.
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 1 << 16, HEADER = 8, CHECK_CLOCK_EVERY = 1024, EMPTY_MAX = 100000 };

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

struct connection {
    uint64_t data;        // what the server wants to be told
    uint32_t events;      // what it wants to be told of; 0: no connection
    uint32_t available;   // bytes of the message that are not read yet
    uint32_t due;         // bytes of it that have not come back yet
    uint32_t number;      // of the message
    uint16_t whole;       // whether all its bytes are made and compared
    uint16_t listed;      // among those that want to be told of room
};

struct counts {
    uint64_t messages, waits, controls, reads, empty_reads, writes, vector_writes;
};

static struct connection connections[DESCRIPTORS];
static int ready[DESCRIPTORS];          // a ring of those whose next message arrives
static uint32_t ready_first, ready_end;
static int last_batch[DESCRIPTORS];     // whom the last epoll_wait told of
static int writers[DESCRIPTORS];        // level-triggered ones that want to be told of room
static int last_batch_count, writer_count, empty_waits;
static int registered, running, checks_all = 1;
static uint32_t wanted, message_bytes, window_milliseconds, windows;
static unsigned char *bytes;            // what messages are made of
static struct counts counts, window_start;
static int64_t window_began, window_began_cpu;
static uint64_t next_look, checked_messages;
static int has_datagrams;               // whether there are datagrams instead of connections
static int window = -1;                 // the first one is not reported

__attribute__((noreturn, cold)) static void fail(const char *what, int descriptor) {
    dprintf(2, "bench: the server %s (descriptor %d)\n", what, descriptor);
    _exit(1);
}

static uint32_t number_of(const char *name) {
    const char *text = getenv(name);
    return text == NULL ? 0 : (uint32_t)strtoul(text, NULL, 10);
}

__attribute__((constructor)) static void begin(void) {
    wanted = number_of("BENCH_CONNECTIONS");
    message_bytes = number_of("BENCH_BYTES");
    window_milliseconds = number_of("BENCH_WINDOW");
    windows = number_of("BENCH_WINDOWS");
    has_datagrams = getenv("BENCH_DATAGRAMS") != NULL;
    bytes = malloc(message_bytes + 256);
    for (uint32_t at = 0; bytes != NULL && at < message_bytes + 256; at++) bytes[at] = (unsigned char)(at * 131 + (at >> 8));
}

static int64_t clock_now(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline struct connection *simulated(int descriptor) {
    if (!running || (unsigned)descriptor >= DESCRIPTORS) return NULL;
    struct connection *connection = &connections[descriptor];
    return connection->events == 0 ? NULL : connection;
}

// Which bytes a message has: another part of them for each message.
static const unsigned char *content(const struct connection *connection) {
    return bytes + connection->number % 256;
}

static uint64_t header_of(int descriptor, const struct connection *connection) {
    return (uint64_t)connection->number << 32 | (uint32_t)descriptor;
}

// What the server reads.
static ssize_t give(int descriptor, struct connection *connection, void *buffer, size_t length) {
    counts.reads++;
    if (UNLIKELY(connection->available == 0)) {
        counts.empty_reads++;
        errno = EAGAIN;
        return -1;
    }
    uint32_t given = length < connection->available ? (uint32_t)length : connection->available;
    uint32_t at = message_bytes - connection->available;
    if (UNLIKELY(connection->whole)) {
        memcpy(buffer, content(connection) + at, given);
    } else if (at == 0 && given >= HEADER) {
        uint64_t header = header_of(descriptor, connection);
        memcpy(buffer, &header, HEADER);
    }
    connection->available -= given;
    return given;
}

// What the server writes.
static void take(int descriptor, struct connection *connection, const void *data, size_t length) {
    uint32_t at = message_bytes - connection->due;
    if (length > connection->due - connection->available) fail("sent more than it had read", descriptor);
    if (UNLIKELY(connection->whole)) {
        if (memcmp(data, content(connection) + at, length) != 0) fail("sent wrong bytes", descriptor);
    } else if (at == 0 && length >= HEADER) {
        uint64_t header = header_of(descriptor, connection);
        if (memcmp(data, &header, HEADER) != 0) fail("sent another message's bytes", descriptor);
    }
    connection->due -= (uint32_t)length;
    if (connection->due == 0 && length > 0) {
        counts.messages++;
        ready[ready_end++ % DESCRIPTORS] = descriptor;
    }
}

__attribute__((noreturn, cold)) static void report(double *nanoseconds, double *cpu) {
    dprintf(1, "{\"windows\": [");
    for (uint32_t at = 0; at < windows; at++) {
        dprintf(1, "%s{\"wall\": %.3f, \"cpu\": %.3f}", at == 0 ? "" : ", ", nanoseconds[at], cpu[at]);
    }
    for (uint32_t at = 1; at < windows; at++) {
        for (uint32_t left = at; left > 0 && cpu[left - 1] > cpu[left]; left--) {
            double greater = cpu[left - 1];
            cpu[left - 1] = cpu[left];
            cpu[left] = greater;
        }
    }
    double messages = (double)counts.messages;
    dprintf(1,
            "], \"user_time\": %.3f, \"messages\": %llu, \"checked\": %llu, \"waits\": %.5f, \"controls\": %.5f, "
            "\"reads\": %.5f, \"empty_reads\": %.5f, \"writes\": %.5f, \"vector_writes\": %.5f}\n",
            cpu[windows / 2], (unsigned long long)counts.messages,
            (unsigned long long)checked_messages, (double)counts.waits / messages,
            (double)counts.controls / messages, (double)counts.reads / messages,
            (double)counts.empty_reads / messages, (double)counts.writes / messages,
            (double)counts.vector_writes / messages);
    _exit(0);
}

// Ends a window when it is long enough, and begins the next.
__attribute__((cold, noinline)) static void look_at_clock(void) {
    static double nanoseconds[64], cpu[64];
    next_look = counts.messages + CHECK_CLOCK_EVERY;
    int64_t now = clock_now(CLOCK_MONOTONIC);
    if (now - window_began < (int64_t)window_milliseconds * 1000000) return;
    int64_t now_cpu = clock_now(CLOCK_THREAD_CPUTIME_ID);
    double messages = (double)(counts.messages - window_start.messages);
    if (window >= 0) {
        nanoseconds[window] = (double)(now - window_began) / messages;
        cpu[window] = (double)(now_cpu - window_began_cpu) / messages;
    }
    if (++window >= (int)windows) report(nanoseconds, cpu);
    if (window == 0) memset(&counts, 0, sizeof counts), next_look = CHECK_CLOCK_EVERY;
    window_start = counts;
    window_began_cpu = clock_now(CLOCK_THREAD_CPUTIME_ID);
    window_began = clock_now(CLOCK_MONOTONIC);
}

#include "shim_datagrams.h"

static void start_running(void) {
    running = 1;
    if (windows == 0 || windows > 64 || message_bytes < HEADER || bytes == NULL) fail("was not told what to do", -1);
    for (int descriptor = 0; descriptor < DESCRIPTORS; descriptor++) {
        if (connections[descriptor].events != 0) ready[ready_end++ % DESCRIPTORS] = descriptor;
    }
    next_look = has_datagrams ? 0 : UINT64_MAX;
}

static inline void tell(struct epoll_event *event, const struct connection *connection) {
    uint32_t now = EPOLLOUT | EPOLLWRNORM;
    if (connection->available > 0) now |= EPOLLIN | EPOLLRDNORM;
    event->events = connection->events & now;
    event->data.u64 = connection->data;
}

static int wait_for(struct epoll_event *events, int most) {
    int count = 0;
    counts.waits++;
    if (checks_all && counts.messages >= 4 * (uint64_t)wanted) {
        checked_messages = counts.messages;
        checks_all = 0;
        next_look = 0;
    }
    if (UNLIKELY(counts.messages >= next_look)) look_at_clock();
    int before = last_batch_count;
    last_batch_count = 0;
    for (int at = 0; at < before && count < most; at++) {
        int descriptor = last_batch[at];
        struct connection *connection = &connections[descriptor];
        if (connection->available == 0 || (connection->events & EPOLLET)) continue;
        tell(&events[count++], connection);
        last_batch[last_batch_count++] = descriptor;
    }
    for (int at = 0; at < writer_count && count < most;) {
        struct connection *connection = &connections[writers[at]];
        if (connection->events & EPOLLOUT) {
            tell(&events[count++], connection);
            at++;
        } else {
            connection->listed = 0;
            writers[at] = writers[--writer_count];
        }
    }
    while (count < most && ready_first != ready_end) {
        int descriptor = ready[ready_first++ % DESCRIPTORS];
        struct connection *connection = &connections[descriptor];
        connection->available = connection->due = message_bytes;
        connection->number++;
        connection->whole = (uint16_t)checks_all;
        tell(&events[count++], connection);
        last_batch[last_batch_count++] = descriptor;
    }
    empty_waits = count == 0 ? empty_waits + 1 : 0;
    if (empty_waits > EMPTY_MAX) fail("waits, and has not answered all messages", -1);
    return count;
}

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    int is_ours = operation == EPOLL_CTL_MOD && simulated(descriptor) != NULL;
    counts.controls++;
    int answer = is_ours ? 0 : (int)syscall(SYS_epoll_ctl, epoll, operation, descriptor, event);
    if (answer != 0 || wanted == 0 || (unsigned)descriptor >= DESCRIPTORS) return answer;
    struct connection *connection = &connections[descriptor];
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (has_datagrams) {
        if (operation == EPOLL_CTL_ADD) register_datagrams(descriptor, event);
        return answer;
    }
    if (operation == EPOLL_CTL_ADD) {
        if (syscall(SYS_getpeername, descriptor, &peer, &size) != 0) return answer;
        registered++;
    } else if (connection->events == 0) {
        return answer;
    }
    if (operation == EPOLL_CTL_DEL) {
        connection->events = 0;
        registered--;
        return answer;
    }
    connection->events = event->events | EPOLLERR;
    if (!connection->listed && (event->events & (EPOLLOUT | EPOLLET)) == EPOLLOUT) {
        connection->listed = 1;
        writers[writer_count++] = descriptor;
    }
    connection->data = event->data.u64;
    return answer;
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *signals) {
    // Which descriptor is waited on does not matter: tokio registers with a copy of it.
    if (!running && (uint32_t)registered >= wanted && wanted > 0) start_running();
    if (running && has_datagrams) return wait_for_datagrams(events);
    if (running) return wait_for(events, most);
    return (int)syscall(SYS_epoll_pwait, epoll, events, most, timeout, signals, _NSIG / 8);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout) {
    return epoll_pwait(epoll, events, most, timeout, NULL);
}

ssize_t recv(int descriptor, void *buffer, size_t length, int flags) {
    struct connection *connection = simulated(descriptor);
    if (connection != NULL) return give(descriptor, connection, buffer, length);
    return syscall(SYS_recvfrom, descriptor, buffer, length, flags, NULL, NULL);
}

ssize_t read(int descriptor, void *buffer, size_t length) {
    struct connection *connection = simulated(descriptor);
    if (connection != NULL) return give(descriptor, connection, buffer, length);
    return syscall(SYS_read, descriptor, buffer, length);
}

ssize_t send(int descriptor, const void *data, size_t length, int flags) {
    struct connection *connection = simulated(descriptor);
    if (connection == NULL) return syscall(SYS_sendto, descriptor, data, length, flags, NULL, 0);
    counts.writes++;
    take(descriptor, connection, data, length);
    return (ssize_t)length;
}

ssize_t write(int descriptor, const void *data, size_t length) {
    struct connection *connection = simulated(descriptor);
    if (connection == NULL) return syscall(SYS_write, descriptor, data, length);
    counts.writes++;
    take(descriptor, connection, data, length);
    return (ssize_t)length;
}

static ssize_t take_all(int descriptor, struct connection *connection, const struct iovec *pieces, size_t count) {
    ssize_t sum = 0;
    counts.vector_writes++;
    for (size_t at = 0; at < count; at++) {
        take(descriptor, connection, pieces[at].iov_base, pieces[at].iov_len);
        sum += (ssize_t)pieces[at].iov_len;
    }
    return sum;
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    struct connection *connection = simulated(descriptor);
    if (connection == NULL) return syscall(SYS_writev, descriptor, pieces, count);
    return take_all(descriptor, connection, pieces, (size_t)count);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    struct connection *connection = simulated(descriptor);
    if (connection == NULL) return syscall(SYS_sendmsg, descriptor, message, flags);
    return take_all(descriptor, connection, message->msg_iov, message->msg_iovlen);
}
