// What the servers in C have in common: the command line, the first line of output, and the bytes
// that a download is made of. They are what the library in ../peer is to the servers in Rust.
//
// Invariant: the numbers and the pattern are those of that library.
#ifndef PEER_H
#define PEER_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum mode { MODE_ECHO, MODE_SINK, MODE_SOURCE, MODE_CLOSE, MODE_FOUR };

enum { PIECE = 64 * 1024, UPLOAD = 1024 * 1024, BACKLOG = 1024 };

static unsigned char pattern[PIECE];

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

static inline void make_pattern(void) {
    for (uint32_t at = 0; at < PIECE; at++) pattern[at] = (unsigned char)(at * 167 + (at >> 8) * 13);
}

// The mode that the command line names; other arguments are for servers that have buffers.
static inline enum mode read_mode(int count, char **words) {
    static const char *const names[] = {"echo", "sink", "source", "close", "four"};
    for (int mode = 0; count > 1 && mode < 5; mode++) {
        if (strcmp(words[1], names[mode]) == 0) return (enum mode)mode;
    }
    fprintf(stderr, "the mode is missing\n");
    exit(1);
}

static void *end_with_standard_input(void *unused) {
    char nothing;
    while (read(0, &nothing, 1) > 0) {}
    exit(0);
    return unused;
}

// Says which port is listened on, and from now on ends the process with its standard input.
static inline void ready(int port) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, end_with_standard_input, NULL) != 0) fail("pthread_create");
    printf("ready %d\n", port);
    fflush(stdout);
}

// How many bytes a request of four bytes asks for.
static inline uint64_t requested(const unsigned char *request) {
    uint32_t pieces = (uint32_t)request[0] << 24 | (uint32_t)request[1] << 16 |
                      (uint32_t)request[2] << 8 | (uint32_t)request[3];
    return (uint64_t)pieces * PIECE;
}

#endif
