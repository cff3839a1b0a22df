// The bench's server in C with epoll alone: level-triggered, one buffer for all connections. It is the
// floor that everybody else stands on.
//
// Invariant: while bytes wait to be sent nothing is read, so that a connection holds one buffer at
// most, and only then is it woken for room.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "peer.h"

enum { EVENTS = 1024 };

struct connection {
    int descriptor;
    // Bytes taken of an upload, or still to be sent of a download.
    uint64_t count;
    // What did not fit, for the modes that answer with what they read.
    unsigned char *waiting;
    size_t first, end;
    char closing;
};

static enum mode mode;
static int poller;
static unsigned char buffer[PIECE];

static void watch(struct connection *connection, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poller, operation, connection->descriptor, &event) != 0) fail("epoll_ctl");
}

static void end(struct connection *connection) {
    close(connection->descriptor);
    free(connection->waiting);
    free(connection);
}

// Sends what fits, and answers how much that was, or -1.
static ssize_t send_some(struct connection *connection, const unsigned char *data, size_t length) {
    size_t sent = 0;
    while (sent < length) {
        ssize_t answer = send(connection->descriptor, data + sent, length - sent, MSG_NOSIGNAL);
        if (answer >= 0) {
            sent += (size_t)answer;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return (ssize_t)sent;
}

// Writes at once what fits, and keeps the rest. Answers 0, or -1.
static int answer(struct connection *connection, const unsigned char *data, size_t length) {
    ssize_t sent = 0;
    if (connection->waiting == NULL) {
        sent = send_some(connection, data, length);
        if (sent < 0) return -1;
        if ((size_t)sent == length) return 0;
        watch(connection, EPOLL_CTL_MOD, EPOLLOUT);
        connection->first = connection->end = 0;
    }
    size_t rest = length - (size_t)sent;
    connection->waiting = realloc(connection->waiting, connection->end + rest);
    if (connection->waiting == NULL) fail("realloc");
    memcpy(connection->waiting + connection->end, data + sent, rest);
    connection->end += rest;
    return 0;
}

static int send_pieces(struct connection *connection) {
    while (connection->count > 0) {
        size_t at = (PIECE - connection->count % PIECE) % PIECE;
        ssize_t sent = send_some(connection, pattern + at, PIECE - at);
        if (sent < 0) return -1;
        connection->count -= (uint64_t)sent;
        if ((size_t)sent < PIECE - at) {
            watch(connection, EPOLL_CTL_MOD, EPOLLOUT);
            return 0;
        }
    }
    return 0;
}

static int writable(struct connection *connection) {
    if (mode == MODE_SOURCE) {
        if (send_pieces(connection) != 0) return -1;
        if (connection->count == 0) watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        return 0;
    }
    const unsigned char *rest = connection->waiting + connection->first;
    ssize_t sent = send_some(connection, rest, connection->end - connection->first);
    if (sent < 0) return -1;
    connection->first += (size_t)sent;
    if (connection->first == connection->end) {
        free(connection->waiting);
        connection->waiting = NULL;
        if (connection->closing) return -1;
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    }
    return 0;
}

// Does what the mode says with what was read. Answers 0, or -1 when the connection is to end.
static int received(struct connection *connection, size_t length) {
    switch (mode) {
    case MODE_ECHO:
        return answer(connection, buffer, length);
    case MODE_CLOSE:
        connection->closing = 1;
        if (answer(connection, buffer, length) != 0 || connection->waiting == NULL) return -1;
        return 0;
    case MODE_FOUR: {
        size_t quarter = (length + 3) / 4;
        for (size_t at = 0; at < length; at += quarter) {
            size_t part = length - at < quarter ? length - at : quarter;
            if (answer(connection, buffer + at, part) != 0) return -1;
        }
        return 0;
    }
    case MODE_SINK:
        for (connection->count += length; connection->count >= UPLOAD; connection->count -= UPLOAD) {
            if (answer(connection, (const unsigned char *)"k", 1) != 0) return -1;
        }
        return 0;
    case MODE_SOURCE:
        // A request is one small segment, and is not sent before the last one was answered.
        if (length != 4) return -1;
        connection->count = requested(buffer);
        return send_pieces(connection);
    }
    return -1;
}

static int readable(struct connection *connection) {
    ssize_t length = recv(connection->descriptor, buffer, sizeof buffer, 0);
    if (length > 0) return received(connection, (size_t)length);
    return length < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void accept_all(int listener) {
    int descriptor;
    while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL) fail("calloc");
        connection->descriptor = descriptor;
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_somewhere(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) != 0) fail("bind");
    if (listen(listener, BACKLOG) != 0) fail("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) fail("getsockname");
    ready(ntohs(address.sin_port));
    return listener;
}

// Echoes datagrams: one call for each on either way, until none waits.
__attribute__((noreturn)) static void serve_datagrams(void) {
    struct epoll_event event = {.events = EPOLLIN};
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(descriptor, (struct sockaddr *)&address, size) != 0) fail("bind");
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) != 0) fail("getsockname");
    if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
    ready(ntohs(address.sin_port));
    for (;;) {
        if (epoll_wait(poller, &event, 1, -1) < 1) continue;
        for (;;) {
            size = sizeof address;
            ssize_t length = recvfrom(descriptor, buffer, sizeof buffer, 0, (struct sockaddr *)&address, &size);
            if (length < 0) break;
            // A full socket loses the answer, as it would the datagram.
            sendto(descriptor, buffer, (size_t)length, 0, (struct sockaddr *)&address, size);
        }
    }
}

int main(int count, char **words) {
    static struct epoll_event events[EVENTS];
    mode = read_mode(count, words);
    make_pattern();
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (strcmp(words[count - 1], "--datagrams") == 0) serve_datagrams();
    struct connection listening = {.descriptor = listen_somewhere()};
    watch(&listening, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int ready_count = epoll_wait(poller, events, EVENTS, -1);
        for (int at = 0; at < ready_count; at++) {
            struct connection *connection = events[at].data.ptr;
            if (connection == &listening) {
                accept_all(listening.descriptor);
            } else if ((events[at].events & EPOLLOUT ? writable : readable)(connection) != 0) {
                end(connection);
            }
        }
    }
}
