// The part of shim.c that answers the calls about datagrams.
//
// Datagrams have one socket of the server's. Each epoll_wait tells of it when the ones before have come
// back, and then as many as were said wait in it, each of another sender, to be received with recvfrom or
// recvmmsg and echoed with sendto or sendmmsg, whole runs of them too (UDP_SEGMENT). The first eight bytes
// and the receiver of each are compared.
//
// Invariant: what is not the server's socket for datagrams is passed to the kernel.
#include <arpa/inet.h>
#include <netinet/in.h>

static int datagrams = -1;              // the server's socket for them; -1: there is none
static uint32_t datagrams_waiting, datagrams_due, datagram_number, datagram_back;
static uint64_t datagram_data;          // what the server wants to be told
static uint32_t datagram_events;        // what it wants to be told of

enum { FIRST_SENDER = 1024 };

static inline int is_datagrams(int descriptor) {
    return running && descriptor == datagrams;
}

// The next datagram that waits: its bytes and its sender.
static ssize_t give_datagram(void *buffer, size_t length, struct sockaddr_in *sender) {
    if (length < message_bytes) fail("cannot take a whole datagram", datagrams);
    uint64_t header = datagram_number;
    memcpy(buffer, &header, HEADER);
    if (sender != NULL) {
        memset(sender, 0, sizeof *sender);
        sender->sin_family = AF_INET;
        sender->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sender->sin_port = htons((uint16_t)(FIRST_SENDER + datagram_number % wanted));
    }
    datagram_number++;
    datagrams_waiting--;
    return message_bytes;
}

// What comes back: one datagram, or a run of them for one receiver.
static void take_datagrams(const unsigned char *data, size_t length, const struct sockaddr_in *receiver) {
    for (; length > 0; data += message_bytes, length -= message_bytes) {
        uint64_t header = datagram_back;
        if (length < message_bytes || datagrams_due == 0) fail("sent other datagrams", datagrams);
        if (memcmp(data, &header, HEADER) != 0) fail("sent another datagram's bytes", datagrams);
        if (ntohs(receiver->sin_port) != FIRST_SENDER + datagram_back % wanted) fail("answered another sender", datagrams);
        datagram_back++;
        datagrams_due--;
        counts.messages++;
    }
}

static int wait_for_datagrams(struct epoll_event *events) {
    counts.waits++;
    if (UNLIKELY(counts.messages >= next_look)) look_at_clock();
    empty_waits = datagrams_due > 0 ? empty_waits + 1 : 0;
    if (empty_waits > EMPTY_MAX) fail("waits, and has not answered all datagrams", datagrams);
    if (datagrams_due == 0) datagrams_waiting = datagrams_due = wanted;
    events[0].events = datagram_events & (EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
    events[0].data.u64 = datagram_data;
    return datagrams_waiting > 0;
}

static void register_datagrams(int descriptor, const struct epoll_event *event) {
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_DGRAM) return;
    datagrams = descriptor;
    datagram_data = event->data.u64;
    datagram_events = event->events;
    registered = (int)wanted;
}

ssize_t recvfrom(int descriptor, void *buffer, size_t length, int flags, struct sockaddr *sender, socklen_t *size) {
    if (!is_datagrams(descriptor)) return syscall(SYS_recvfrom, descriptor, buffer, length, flags, sender, size);
    counts.reads++;
    if (datagrams_waiting == 0) {
        counts.empty_reads++;
        errno = EAGAIN;
        return -1;
    }
    if (size != NULL) *size = sizeof(struct sockaddr_in);
    return give_datagram(buffer, length, (struct sockaddr_in *)(void *)sender);
}

ssize_t sendto(int descriptor, const void *data, size_t length, int flags, const struct sockaddr *receiver, socklen_t size) {
    if (!is_datagrams(descriptor)) return syscall(SYS_sendto, descriptor, data, length, flags, receiver, size);
    counts.writes++;
    take_datagrams(data, length, (const struct sockaddr_in *)(const void *)receiver);
    return (ssize_t)length;
}

int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
    if (!is_datagrams(descriptor)) return (int)syscall(SYS_recvmmsg, descriptor, messages, count, flags, timeout);
    counts.reads++;
    unsigned given = 0;
    for (; given < count && datagrams_waiting > 0; given++) {
        struct msghdr *header = &messages[given].msg_hdr;
        messages[given].msg_len = (unsigned)give_datagram(header->msg_iov->iov_base, header->msg_iov->iov_len, header->msg_name);
        header->msg_namelen = sizeof(struct sockaddr_in);
        header->msg_controllen = 0;
        header->msg_flags = 0;
    }
    if (given > 0) return (int)given;
    counts.empty_reads++;
    errno = EAGAIN;
    return -1;
}

int sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
    if (!is_datagrams(descriptor)) return (int)syscall(SYS_sendmmsg, descriptor, messages, count, flags);
    counts.vector_writes++;
    for (unsigned at = 0; at < count; at++) {
        struct msghdr *header = &messages[at].msg_hdr;
        take_datagrams(header->msg_iov->iov_base, header->msg_iov->iov_len, header->msg_name);
        messages[at].msg_len = (unsigned)header->msg_iov->iov_len;
    }
    return (int)count;
}
