/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The few types that every other header of the library uses: errors, views of bytes, time, and the
 * three things a host asks of its surroundings: memory, randomness and a place for log lines.
 *
 * The library has no global state. It never reads a clock, opens a socket, starts a thread or looks
 * at the environment: all of that comes in through arguments, so that a host is a function of its
 * inputs.
 *
 * Ownership, everywhere in this library:
 *   1. Bytes passed in are borrowed for the call.
 *   2. Bytes passed out are borrowed until the next call on the same object.
 *   3. Who makes an object frees it (_new with _free, _init with _deinit); a parameter that takes
 *      ownership is named take_….
 *   4. A stream lives until its `closed` callback has returned, a connection until its closed event
 *      was taken.
 *   5. Callbacks come only from p2p_host_next_event: never from inside another call, never from
 *      another thread.
 */
#ifndef P2P_BASE_H
#define P2P_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#    define P2P_API __attribute__((visibility("default")))
#    define P2P_NODISCARD __attribute__((warn_unused_result))
#    define P2P_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#    define P2P_API
#    define P2P_NODISCARD
#    define P2P_PRINTF(fmt, args)
#endif

/* Every failure the library reports. p2p_err_text says it in a sentence, p2p_err_scope what it
 * ended. */
typedef enum p2p_err {
    P2P_OK = 0,

    /* Results rather than faults: nothing changed. */
    P2P_ERR_AGAIN,     /* not now; an event or a later call will tell */
    P2P_ERR_LIMIT,     /* a configured maximum was reached */
    P2P_ERR_NOT_FOUND, /* no such peer, protocol, address, key or entry */
    P2P_ERR_EXISTS,    /* it is already there */

    /* The caller's request cannot be carried out. */
    P2P_ERR_INVALID,     /* an argument, address, key or configuration makes no sense */
    P2P_ERR_UNSUPPORTED, /* valid, but this build or object cannot do it */
    P2P_ERR_STATE,       /* not in this state: already closed, not yet open */
    P2P_ERR_TOO_BIG,     /* does not fit the buffer or the message limit */
    P2P_ERR_NO_MEMORY,   /* the allocator refused */

    /* The peer sent what it must not. These count against it. */
    P2P_ERR_MALFORMED,       /* bytes that no valid sender produces */
    P2P_ERR_VIOLATION,       /* well-formed, but against the protocol's rules */
    P2P_ERR_DECRYPT,         /* an authentication tag did not match */
    P2P_ERR_BAD_SIGNATURE,   /* a signature did not match its key and data */
    P2P_ERR_BAD_CERTIFICATE, /* a certificate breaks the rules of the libp2p TLS or WebTransport
                                spec */
    P2P_ERR_WRONG_PEER,      /* the peer proved another identity than the one expected */
    P2P_ERR_FLOW_CONTROL,    /* more bytes or streams than were granted */

    /* The two sides do not fit. */
    P2P_ERR_NO_SECURITY, /* no common security protocol */
    P2P_ERR_NO_MUXER,    /* no common stream multiplexer */
    P2P_ERR_NO_PROTOCOL, /* the peer does not speak any of the proposed protocols */

    /* The network, or the other side's wish. */
    P2P_ERR_TIMEOUT,        /* a deadline passed */
    P2P_ERR_REFUSED,        /* nobody listens there */
    P2P_ERR_UNREACHABLE,    /* no route, network down */
    P2P_ERR_RESOLVE,        /* a host name has no address */
    P2P_ERR_ADDRESS_IN_USE, /* another socket is bound there */
    P2P_ERR_PERMISSION,     /* the operating system forbids it */
    P2P_ERR_IO,             /* the operating system failed in some other way */
    P2P_ERR_NO_DESCRIPTOR,  /* out of file descriptors */
    P2P_ERR_EOF,            /* the peer closed its side in good order */
    P2P_ERR_RESET,          /* the peer, or the network, broke it off */
    P2P_ERR_CLOSED,         /* closed by this side */
    P2P_ERR_CANCELLED,      /* given up because it is no longer needed */
    P2P_ERR_GATED,          /* the gater said no */
    P2P_ERR_SHUTDOWN,       /* the host is closing */

    P2P_ERR_CRYPTO,   /* the crypto provider failed */
    P2P_ERR_INTERNAL, /* a mistake in this library; please report it */

    P2P_ERR_COUNT_ /* number of errors; not an error */
} p2p_err;

/* What an error ended. CALL: nothing changed, only this call failed. */
typedef enum p2p_scope {
    P2P_SCOPE_CALL,
    P2P_SCOPE_STREAM,
    P2P_SCOPE_CONN,
    P2P_SCOPE_HOST
} p2p_scope;

/* The constant's name without prefix in lower case ("wrong-peer"); never NULL. */
P2P_API const char *p2p_err_name(p2p_err err);
/* One English clause without a full stop ("the peer proved another identity than the one
 * expected"). */
P2P_API const char *p2p_err_text(p2p_err err);
P2P_API p2p_scope p2p_err_scope(p2p_err err);

/* A view of bytes that somebody else owns. */
typedef struct p2p_bytes {
    const uint8_t *ptr;
    size_t len;
} p2p_bytes;

/* Nanoseconds on the caller's monotonic clock. Wall time, where a format needs it, is said in the
 * name. */
typedef uint64_t p2p_time;

#define P2P_NEVER UINT64_MAX
#define P2P_MICROSECOND UINT64_C(1000)
#define P2P_MILLISECOND UINT64_C(1000000)
#define P2P_SECOND UINT64_C(1000000000)

/*
 * One function allocates, grows, shrinks and frees, and is always told the exact old size:
 *   new_size == 0 frees and returns NULL; ptr == NULL (old_size == 0) allocates.
 * It returns NULL when it cannot; the old block then stays as it was. A NULL `resize` means the C
 * library's.
 */
typedef struct p2p_mem {
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
} p2p_mem;

/* Fills dst with unpredictable bytes. Must not fail. */
typedef struct p2p_random {
    void (*fill)(void *ctx, uint8_t *dst, size_t len);
    void *ctx;
} p2p_random;

typedef enum p2p_log_level {
    P2P_LOG_OFF,
    P2P_LOG_ERROR,
    P2P_LOG_WARN,
    P2P_LOG_INFO,
    P2P_LOG_DEBUG,
    P2P_LOG_TRACE
} p2p_log_level;

typedef struct p2p_log_line {
    p2p_log_level level;
    const char *subject; /* the folder that speaks: "noise", "swarm" */
    uint64_t conn;       /* connection id, 0 if none */
    const char *text;    /* at most 255 bytes, no line end, never a secret */
    p2p_time now;
} p2p_log_line;

/* A NULL `write` logs nothing. Lines above `level` are not even formatted. */
typedef struct p2p_log {
    void (*write)(void *ctx, const p2p_log_line *line);
    void *ctx;
    p2p_log_level level;
} p2p_log;

/* An IP address and port as the driver's sockets know it. */
typedef struct p2p_sockaddr {
    uint8_t family; /* 4 or 6; 0: none */
    uint8_t ip[16]; /* network order; IPv4 uses the first four */
    uint16_t port;  /* host order */
    uint32_t scope; /* IPv6 zone index, else 0 */
} p2p_sockaddr;

/* The library's version, such as "0.1.0". */
P2P_API const char *p2p_version(void);

#ifdef __cplusplus
}
#endif
#endif
