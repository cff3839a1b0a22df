// The bench's server in C on libuv: one buffer for all connections, and uv_try_write before uv_write.
//
// Invariant: what did not fit is copied, as the buffer is read into again.
#include <uv.h>

#include "peer.h"

struct connection {
    uv_tcp_t handle;  // first, so that the one leads to the other
    // Bytes taken of an upload, or still to be sent of a download.
    uint64_t count;
    int closing;
};

struct writing {
    uv_write_t request;  // first
    char bytes[];
};

static enum mode mode;
static char buffer[PIECE];

static void freed(uv_handle_t *handle) { free(handle); }

static void end(struct connection *connection) {
    uv_handle_t *handle = (uv_handle_t *)&connection->handle;
    if (!uv_is_closing(handle)) uv_close(handle, freed);
}

static void written(uv_write_t *request, int status) {
    struct connection *connection = (struct connection *)request->handle;
    if (status != 0 || connection->closing) end(connection);
    free(request);
}

// Writes at once what fits, and keeps the rest.
static void answer(struct connection *connection, char *data, size_t length) {
    uv_stream_t *stream = (uv_stream_t *)&connection->handle;
    uv_buf_t piece = uv_buf_init(data, (unsigned)length);
    int sent = uv_try_write(stream, &piece, 1);
    if (sent == UV_EAGAIN) sent = 0;
    if (sent < 0) {
        end(connection);
        return;
    }
    size_t rest = length - (size_t)sent;
    if (rest == 0) {
        if (connection->closing) end(connection);
        return;
    }
    struct writing *writing = malloc(sizeof *writing + rest);
    if (writing == NULL) fail("malloc");
    memcpy(writing->bytes, data + sent, rest);
    uv_buf_t kept = uv_buf_init(writing->bytes, (unsigned)rest);
    if (uv_write(&writing->request, stream, &kept, 1, written) != 0) {
        free(writing);
        end(connection);
    }
}

static void send_pieces(struct connection *connection);

static void piece_written(uv_write_t *request, int status) {
    struct connection *connection = (struct connection *)request->handle;
    free(request);
    if (status != 0) {
        end(connection);
    } else {
        send_pieces(connection);
    }
}

// The pattern stays, so no piece of it is copied.
static void send_pieces(struct connection *connection) {
    uv_stream_t *stream = (uv_stream_t *)&connection->handle;
    while (connection->count > 0) {
        uv_buf_t piece = uv_buf_init((char *)pattern, PIECE);
        int sent = uv_try_write(stream, &piece, 1);
        if (sent == UV_EAGAIN) sent = 0;
        if (sent < 0) {
            end(connection);
            return;
        }
        connection->count -= PIECE;
        if (sent == PIECE) continue;
        uv_write_t *request = malloc(sizeof *request);
        if (request == NULL) fail("malloc");
        uv_buf_t rest = uv_buf_init((char *)pattern + sent, (unsigned)(PIECE - sent));
        if (uv_write(request, stream, &rest, 1, piece_written) != 0) {
            free(request);
            end(connection);
        }
        return;
    }
}

static void received(uv_stream_t *stream, ssize_t length, const uv_buf_t *into) {
    struct connection *connection = (struct connection *)stream;
    (void)into;
    if (length < 0) {
        end(connection);
        return;
    }
    switch (mode) {
    case MODE_ECHO:
        if (length > 0) answer(connection, buffer, (size_t)length);
        break;
    case MODE_CLOSE:
        uv_read_stop(stream);
        connection->closing = 1;
        answer(connection, buffer, (size_t)length);
        break;
    case MODE_FOUR:
        for (ssize_t at = 0, quarter = (length + 3) / 4; at < length; at += quarter) {
            answer(connection, buffer + at, (size_t)(length - at < quarter ? length - at : quarter));
        }
        break;
    case MODE_SINK:
        connection->count += (uint64_t)length;
        for (; connection->count >= UPLOAD; connection->count -= UPLOAD) answer(connection, "k", 1);
        break;
    case MODE_SOURCE:
        // A request is one small segment, and is not sent before the last one was answered.
        if (length == 4) {
            connection->count = requested((unsigned char *)buffer);
            send_pieces(connection);
        } else if (length > 0) {
            end(connection);
        }
        break;
    }
}

static void lend(uv_handle_t *handle, size_t size, uv_buf_t *into) {
    (void)handle;
    (void)size;
    *into = uv_buf_init(buffer, sizeof buffer);
}

static void accepted(uv_stream_t *listener, int status) {
    if (status != 0) return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) fail("calloc");
    uv_tcp_init(listener->loop, &connection->handle);
    uv_stream_t *stream = (uv_stream_t *)&connection->handle;
    if (uv_accept(listener, stream) != 0 || uv_tcp_nodelay(&connection->handle, 1) != 0 ||
        uv_read_start(stream, lend, received) != 0) {
        end(connection);
    }
}

int main(int count, char **words) {
    mode = read_mode(count, words);
    make_pattern();
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &listener);
    uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&listener, BACKLOG, accepted) != 0) fail("uv_listen");
    int size = sizeof address;
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
    ready(ntohs(address.sin_port));
    return uv_run(loop, UV_RUN_DEFAULT);
}
