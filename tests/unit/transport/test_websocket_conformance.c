/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The cases of the Autobahn test suite, groups 1 to 7, for a server and a client that take binary
 * messages only: text is checked to be UTF-8 and then refused as a kind of data (1003). Each case
 * comes in whole frames and byte by byte.
 */
#include "websocket_pair.h"

enum {
    FIN = 0x80,
    CONT = 0x00,
    TEXT = 0x01,
    BIN = 0x02,
    CLOSE = 0x08,
    PING = 0x09,
    PONG = 0x0a,
    FRAMES_MAX = 12,
    OPEN = 0,      /* the connection goes on */
    NORMAL = 1000, /* closed in good order */
    PROTOCOL = 1002,
    UNSUPPORTED = 1003,
    INVALID = 1007
};

/* The payload is `text`, or `len` letters. */
typedef struct frame {
    uint8_t head;
    size_t len;
    const char *text;
} frame;

typedef struct conformance {
    const char *id;
    frame frames[FRAMES_MAX];
    size_t count;
    size_t data;    /* bytes that reach the application */
    size_t pongs;   /* answers, the last with the payload of the last ping */
    unsigned close; /* the code that is answered, OPEN: none */
} conformance;

#define T(text) sizeof(text) - 1, text

static const conformance CASES[] = {
    /* 1: framing. Text is none of ours, of any length. */
    {"1.1.1", {{FIN | TEXT, 0}}, 1, 0, 0, UNSUPPORTED},
    {"1.1.2", {{FIN | TEXT, 125}}, 1, 0, 0, UNSUPPORTED},
    {"1.1.3", {{FIN | TEXT, 126}}, 1, 0, 0, UNSUPPORTED},
    {"1.1.4", {{FIN | TEXT, 127}}, 1, 0, 0, UNSUPPORTED},
    {"1.1.5", {{FIN | TEXT, 128}}, 1, 0, 0, UNSUPPORTED},
    {"1.1.6", {{FIN | TEXT, 65535}}, 1, 0, 0, UNSUPPORTED},
    {"1.1.7, 1.1.8", {{FIN | TEXT, 65536}}, 1, 0, 0, UNSUPPORTED},
    {"1.2.1", {{FIN | BIN, 0}}, 1, 0, 0, OPEN},
    {"1.2.2", {{FIN | BIN, 125}}, 1, 125, 0, OPEN},
    {"1.2.3", {{FIN | BIN, 126}}, 1, 126, 0, OPEN},
    {"1.2.4", {{FIN | BIN, 127}}, 1, 127, 0, OPEN},
    {"1.2.5", {{FIN | BIN, 128}}, 1, 128, 0, OPEN},
    {"1.2.6", {{FIN | BIN, 65535}}, 1, 65535, 0, OPEN},
    {"1.2.7, 1.2.8", {{FIN | BIN, 65536}}, 1, 65536, 0, OPEN},

    /* 2: pings and pongs */
    {"2.1", {{FIN | PING, 0}}, 1, 0, 1, OPEN},
    {"2.2", {{FIN | PING, T("Hello, world!")}}, 1, 0, 1, OPEN},
    {"2.3", {{FIN | PING, T("\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}}, 1, 0, 1, OPEN},
    {"2.4, 2.6", {{FIN | PING, 125}}, 1, 0, 1, OPEN},
    {"2.5", {{FIN | PING, 126}}, 1, 0, 0, PROTOCOL},
    {"2.7", {{FIN | PONG, 0}}, 1, 0, 0, OPEN},
    {"2.8", {{FIN | PONG, T("unsolicited")}}, 1, 0, 0, OPEN},
    {"2.9", {{FIN | PONG, T("unsolicited")}, {FIN | PING, T("ping")}}, 2, 0, 1, OPEN},
    {"2.10, 2.11",
        {{FIN | PING, T("0")}, {FIN | PING, T("1")}, {FIN | PING, T("2")}, {FIN | PING, T("3")},
            {FIN | PING, T("4")}, {FIN | PING, T("5")}, {FIN | PING, T("6")}, {FIN | PING, T("7")},
            {FIN | PING, T("8")}, {FIN | PING, T("9")}},
        10, 0, 10, OPEN},

    /* 3: reserved bits */
    {"3.1", {{FIN | 0x10 | BIN, 5}}, 1, 0, 0, PROTOCOL},
    {"3.2", {{FIN | BIN, 5}, {FIN | 0x20 | BIN, 5}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"3.3", {{FIN | BIN, 5}, {FIN | 0x30 | BIN, 5}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"3.4", {{FIN | BIN, 5}, {FIN | 0x40 | BIN, 5}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"3.5", {{FIN | 0x50 | BIN, 8}}, 1, 0, 0, PROTOCOL},
    {"3.6", {{FIN | 0x60 | PING, 8}}, 1, 0, 0, PROTOCOL},
    {"3.7", {{FIN | 0x70 | CLOSE, 0}}, 1, 0, 0, PROTOCOL},

    /* 4: reserved opcodes */
    {"4.1.1", {{FIN | 3, 0}}, 1, 0, 0, PROTOCOL},
    {"4.1.2", {{FIN | 4, 8}}, 1, 0, 0, PROTOCOL},
    {"4.1.3", {{FIN | BIN, 5}, {FIN | 5, 0}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"4.1.4", {{FIN | BIN, 5}, {FIN | 6, 8}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"4.1.5", {{FIN | BIN, 5}, {FIN | 7, 0}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"4.2.1", {{FIN | 11, 0}}, 1, 0, 0, PROTOCOL},
    {"4.2.2", {{FIN | 12, 8}}, 1, 0, 0, PROTOCOL},
    {"4.2.3", {{FIN | BIN, 5}, {FIN | 13, 0}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"4.2.4", {{FIN | BIN, 5}, {FIN | 14, 8}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},
    {"4.2.5", {{FIN | BIN, 5}, {FIN | 15, 0}, {FIN | PING, 0}}, 3, 5, 0, PROTOCOL},

    /* 5: fragments */
    {"5.1", {{PING, 4}, {FIN | CONT, 4}}, 2, 0, 0, PROTOCOL},
    {"5.2", {{PONG, 4}, {FIN | CONT, 4}}, 2, 0, 0, PROTOCOL},
    {"5.3, 5.4, 5.5", {{BIN, 9}, {FIN | CONT, 9}}, 2, 18, 0, OPEN},
    {"5.3 with text", {{TEXT, 9}, {FIN | CONT, 9}}, 2, 0, 0, UNSUPPORTED},
    {"5.6, 5.7, 5.8", {{BIN, 9}, {FIN | PING, 4}, {FIN | CONT, 9}}, 3, 18, 1, OPEN},
    {"5.9, 5.10, 5.11", {{FIN | CONT, 9}, {FIN | BIN, 5}}, 2, 0, 0, PROTOCOL},
    {"5.12, 5.13, 5.14", {{CONT, 9}, {FIN | BIN, 5}}, 2, 0, 0, PROTOCOL},
    {"5.15", {{BIN, 9}, {FIN | CONT, 9}, {CONT, 9}, {FIN | BIN, 9}}, 4, 18, 0, PROTOCOL},
    {"5.16", {{CONT, 9}, {BIN, 9}, {FIN | CONT, 9}}, 3, 0, 0, PROTOCOL},
    {"5.17", {{FIN | CONT, 9}, {BIN, 9}, {FIN | CONT, 9}}, 3, 0, 0, PROTOCOL},
    {"5.18", {{BIN, 9}, {FIN | BIN, 9}}, 2, 9, 0, PROTOCOL},
    {"5.19, 5.20",
        {{BIN, 9}, {CONT, 9}, {FIN | PING, 4}, {CONT, 9}, {CONT, 9}, {FIN | PING, 4},
            {FIN | CONT, 9}},
        7, 45, 2, OPEN},
    {"no end of fragments, an empty one too", {{BIN, 0}, {CONT, 0}, {FIN | CONT, 0}}, 3, 0, 0,
        OPEN},

    /* 6: UTF-8. Good text is refused for what it is, bad text for its bytes. */
    {"6.1.1", {{FIN | TEXT, 0}}, 1, 0, 0, UNSUPPORTED},
    {"6.1.2", {{TEXT, 0}, {CONT, 0}, {FIN | CONT, 0}}, 3, 0, 0, UNSUPPORTED},
    {"6.1.3", {{TEXT, 0}, {CONT, T("middle")}, {FIN | CONT, 0}}, 3, 0, 0, UNSUPPORTED},
    {"6.2.1", {{FIN | TEXT, T("Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4")}}, 1, 0, 0, UNSUPPORTED},
    {"6.2.2",
        {{TEXT, T("Hello-\xc2\xb5@\xc3\x9f\xc3\xb6")}, {FIN | CONT, T("\xc3\xa4\xc3\xbc\xc3\xa0")}},
        2, 0, 0, UNSUPPORTED},
    {"6.2.3, 6.2.4", {{TEXT, T("\xce")}, {CONT, T("\xba\xe1\xbd")}, {FIN | CONT, T("\xb9")}}, 3, 0,
        0, UNSUPPORTED},
    {"6.3.1", {{FIN | TEXT, T("\xce\xba\xed\xa0\x80 edited")}}, 1, 0, 0, INVALID},
    {"6.3.2", {{TEXT, T("\xce\xba\xed\xa0")}, {FIN | CONT, T("\x80 edited")}}, 2, 0, 0, INVALID},
    {"6.4.1", {{TEXT, T("\xce\xba\xe1\xbd")}, {CONT, T("\xf4\x90\x80\x80")}, {FIN | CONT, T("x")}},
        3, 0, 0, INVALID},
    {"6.4.3, 6.4.4", {{TEXT, T("\xce\xba\xf4")}, {CONT, T("\x90")}, {FIN | CONT, T("\x80")}}, 3, 0,
        0, INVALID},
    {"6.5.1", {{FIN | TEXT, T("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5")}}, 1, 0, 0,
        UNSUPPORTED},
    {"6.6.1", {{FIN | TEXT, T("\xce")}}, 1, 0, 0, INVALID},
    {"6.6.2", {{FIN | TEXT, T("\xce\xba")}}, 1, 0, 0, UNSUPPORTED},
    {"6.6.3", {{FIN | TEXT, T("\xce\xba\xe1")}}, 1, 0, 0, INVALID},
    {"6.6.4", {{FIN | TEXT, T("\xce\xba\xe1\xbd")}}, 1, 0, 0, INVALID},
    {"6.6.5", {{FIN | TEXT, T("\xce\xba\xe1\xbd\xb9")}}, 1, 0, 0, UNSUPPORTED},
    {"6.7.1", {{FIN | TEXT, T("\x00")}}, 1, 0, 0, UNSUPPORTED},
    {"6.7.2", {{FIN | TEXT, T("\xc2\x80")}}, 1, 0, 0, UNSUPPORTED},
    {"6.7.3", {{FIN | TEXT, T("\xe0\xa0\x80")}}, 1, 0, 0, UNSUPPORTED},
    {"6.7.4", {{FIN | TEXT, T("\xf0\x90\x80\x80")}}, 1, 0, 0, UNSUPPORTED},
    {"6.8.1", {{FIN | TEXT, T("\xf8\x88\x80\x80\x80")}}, 1, 0, 0, INVALID},
    {"6.8.2", {{FIN | TEXT, T("\xfc\x84\x80\x80\x80\x80")}}, 1, 0, 0, INVALID},
    {"6.9.1", {{FIN | TEXT, T("\x7f")}}, 1, 0, 0, UNSUPPORTED},
    {"6.9.2", {{FIN | TEXT, T("\xdf\xbf")}}, 1, 0, 0, UNSUPPORTED},
    {"6.9.3", {{FIN | TEXT, T("\xef\xbf\xbf")}}, 1, 0, 0, UNSUPPORTED},
    {"6.9.4", {{FIN | TEXT, T("\xf4\x8f\xbf\xbf")}}, 1, 0, 0, UNSUPPORTED},
    {"6.10.1", {{FIN | TEXT, T("\xf7\xbf\xbf\xbf")}}, 1, 0, 0, INVALID},
    {"6.10.2", {{FIN | TEXT, T("\xfb\xbf\xbf\xbf\xbf")}}, 1, 0, 0, INVALID},
    {"6.10.3", {{FIN | TEXT, T("\xfd\xbf\xbf\xbf\xbf\xbf")}}, 1, 0, 0, INVALID},
    {"6.11.1", {{FIN | TEXT, T("\xed\x9f\xbf")}}, 1, 0, 0, UNSUPPORTED},
    {"6.11.2", {{FIN | TEXT, T("\xee\x80\x80")}}, 1, 0, 0, UNSUPPORTED},
    {"6.11.3", {{FIN | TEXT, T("\xef\xbf\xbd")}}, 1, 0, 0, UNSUPPORTED},
    {"6.11.5", {{FIN | TEXT, T("\xf4\x90\x80\x80")}}, 1, 0, 0, INVALID},
    {"6.12.1", {{FIN | TEXT, T("\x80")}}, 1, 0, 0, INVALID},
    {"6.12.2", {{FIN | TEXT, T("\xbf")}}, 1, 0, 0, INVALID},
    {"6.12.3 to 6.12.7", {{FIN | TEXT, T("\x80\xbf\x80")}}, 1, 0, 0, INVALID},
    {"6.13.1", {{FIN | TEXT, T("\xc0 \xc1 ")}}, 1, 0, 0, INVALID},
    {"6.13.2", {{FIN | TEXT, T("\xe0 \xe1 ")}}, 1, 0, 0, INVALID},
    {"6.13.3", {{FIN | TEXT, T("\xf0 \xf1 ")}}, 1, 0, 0, INVALID},
    {"6.13.4", {{FIN | TEXT, T("\xf8 \xf9 ")}}, 1, 0, 0, INVALID},
    {"6.13.5", {{FIN | TEXT, T("\xfc ")}}, 1, 0, 0, INVALID},
    {"6.14.1", {{FIN | TEXT, T("\xc0")}}, 1, 0, 0, INVALID},
    {"6.14.2", {{FIN | TEXT, T("\xe0\x80")}}, 1, 0, 0, INVALID},
    {"6.14.3", {{FIN | TEXT, T("\xf0\x80\x80")}}, 1, 0, 0, INVALID},
    {"6.14.6", {{FIN | TEXT, T("\xdf")}}, 1, 0, 0, INVALID},
    {"6.14.7", {{FIN | TEXT, T("\xef\xbf")}}, 1, 0, 0, INVALID},
    {"6.14.8", {{FIN | TEXT, T("\xf7\xbf\xbf")}}, 1, 0, 0, INVALID},
    {"6.16.1", {{FIN | TEXT, T("\xfe")}}, 1, 0, 0, INVALID},
    {"6.16.2", {{FIN | TEXT, T("\xff")}}, 1, 0, 0, INVALID},
    {"6.17.1", {{FIN | TEXT, T("\xc0\xaf")}}, 1, 0, 0, INVALID},
    {"6.17.2", {{FIN | TEXT, T("\xe0\x80\xaf")}}, 1, 0, 0, INVALID},
    {"6.17.3", {{FIN | TEXT, T("\xf0\x80\x80\xaf")}}, 1, 0, 0, INVALID},
    {"6.18.1", {{FIN | TEXT, T("\xc1\xbf")}}, 1, 0, 0, INVALID},
    {"6.18.2", {{FIN | TEXT, T("\xe0\x9f\xbf")}}, 1, 0, 0, INVALID},
    {"6.18.3", {{FIN | TEXT, T("\xf0\x8f\xbf\xbf")}}, 1, 0, 0, INVALID},
    {"6.19.1", {{FIN | TEXT, T("\xc0\x80")}}, 1, 0, 0, INVALID},
    {"6.20.1", {{FIN | TEXT, T("\xed\xa0\x80")}}, 1, 0, 0, INVALID},
    {"6.20.7", {{FIN | TEXT, T("\xed\xbf\xbf")}}, 1, 0, 0, INVALID},
    {"6.21.1", {{FIN | TEXT, T("\xed\xa0\x80\xed\xb0\x80")}}, 1, 0, 0, INVALID},
    {"6.22.1", {{FIN | TEXT, T("\xef\xbf\xbe")}}, 1, 0, 0, UNSUPPORTED},
    {"6.23.1", {{FIN | TEXT, T("\xef\xbf\xbf")}}, 1, 0, 0, UNSUPPORTED},
    {"6, as binary", {{FIN | BIN, T("\xed\xa0\x80\xff")}}, 1, 4, 0, OPEN},

    /* 7: closing */
    {"7.1.1", {{FIN | BIN, 5}, {FIN | CLOSE, T("\x03\xe8")}}, 2, 5, 0, NORMAL},
    {"7.1.2", {{FIN | CLOSE, T("\x03\xe8")}, {FIN | CLOSE, T("\x03\xe8")}}, 2, 0, 0, NORMAL},
    {"7.1.3", {{FIN | CLOSE, T("\x03\xe8")}, {FIN | PING, 4}}, 2, 0, 0, NORMAL},
    {"7.1.4", {{FIN | CLOSE, T("\x03\xe8")}, {FIN | BIN, 4}}, 2, 0, 0, NORMAL},
    {"7.1.5", {{BIN, 9}, {FIN | CLOSE, T("\x03\xe8")}, {FIN | CONT, 9}}, 3, 9, 0, NORMAL},
    {"7.1.6", {{FIN | BIN, 65536}, {FIN | CLOSE, T("\x03\xe8")}, {FIN | PING, 0}}, 3, 65536, 0,
        NORMAL},
    {"7.3.1", {{FIN | CLOSE, 0}}, 1, 0, 0, NORMAL},
    {"7.3.2", {{FIN | CLOSE, 1}}, 1, 0, 0, PROTOCOL},
    {"7.3.3", {{FIN | CLOSE, T("\x03\xe8")}}, 1, 0, 0, NORMAL},
    {"7.3.4", {{FIN | CLOSE, T("\x03\xe8 gone")}}, 1, 0, 0, NORMAL},
    {"7.3.6", {{FIN | CLOSE, 126}}, 1, 0, 0, PROTOCOL},
    {"7.5.1", {{FIN | CLOSE, T("\x03\xe8\xce\xba\xed\xa0\x80")}}, 1, 0, 0, INVALID},
};

/* 7.3.5, 7.7 and 7.9: a close with each code, and with the longest reason. */
typedef struct closing {
    unsigned code;
    bool good;
} closing;

static const closing CODES[] = {{1000, true}, {1001, true}, {1002, true}, {1003, true},
    {1007, true}, {1008, true}, {1009, true}, {1010, true}, {1011, true}, {3000, true},
    {3999, true}, {4000, true}, {4999, true}, {0, false}, {999, false}, {1004, false},
    {1005, false}, {1006, false}, {1016, false}, {1100, false}, {2000, false}, {2999, false},
    {5000, false}, {65535, false}};

/* --- running one --- */

static pair p;

typedef struct answers {
    size_t pongs, closes;
    unsigned close;
    uint8_t last[125];
    size_t last_len;
} answers;

static size_t put_frame(uint8_t *dst, const frame *f, bool masked) {
    static const uint8_t KEY[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 0;
    dst[at++] = f->head;
    uint8_t mask = masked ? 0x80 : 0;
    if (f->len < 126) {
        dst[at++] = (uint8_t)(mask | f->len);
    } else if (f->len < 65536) {
        dst[at++] = mask | 126;
        p2p_store16(dst + at, (uint16_t)f->len);
        at += 2;
    } else {
        dst[at++] = mask | 127;
        p2p_store64(dst + at, f->len);
        at += 8;
    }
    if (masked) {
        memcpy(dst + at, KEY, sizeof KEY);
        at += sizeof KEY;
    }
    for (size_t i = 0; i < f->len; i++)
        dst[at + i] = (uint8_t)((f->text != NULL ? f->text[i] : 'a') ^ (masked ? KEY[i % 4] : 0));
    return at + f->len;
}

/* All that the side wants to say: control frames only, as its application is silent. */
static void draw_answers(end *e, bool masked, answers *a) {
    uint8_t block[4096];
    size_t len = 0;
    while (p2p_layer_draw(e->ws, block, sizeof block, &len) == P2P_OK && len > 0)
        for (size_t at = 0; at < len;) {
            uint8_t opcode = block[at] & 0x0f;
            size_t size = block[at + 1] & 0x7f, head = masked ? 6 : 2;
            check(block[at] & FIN && size < 126 && ((block[at + 1] & 0x80) != 0) == masked);
            for (size_t i = 0; i < size; i++)
                a->last[i] = block[at + head + i] ^ (masked ? block[at + 2 + i % 4] : 0);
            a->last_len = size;
            a->pongs += opcode == PONG;
            a->closes += opcode == CLOSE;
            check(opcode == PONG || opcode == CLOSE);
            if (opcode == CLOSE) /* an empty one is answered by an empty one */
                a->close = size < 2 ? NORMAL : p2p_load16(a->last);
            at += head + size;
        }
}

static void run_case(const conformance *c, bool server, size_t piece) {
    static const p2p_mem MEM = {0};
    static uint8_t bytes[70000];
    answers a = {0};
    end *e = server ? &p.b : &p.a;
    const frame *last_ping = NULL;
    check_ok(start_pair(&p, &MEM));
    p.a.sent = p.b.sent = PAYLOAD;
    check_ok(run(&p, 4096, 4096));
    p2p_err err = P2P_OK;
    for (size_t i = 0; i < c->count && err == P2P_OK; i++) {
        size_t len = put_frame(bytes, &c->frames[i], server);
        if ((c->frames[i].head & 0x0f) == PING)
            last_ping = &c->frames[i];
        for (size_t at = 0; at < len && err == P2P_OK; at += piece)
            err = feed_text(e, bytes + at, len - at < piece ? len - at : piece);
        draw_answers(e, !server, &a);
        if (a.pongs > 0 && a.closes == 0)
            check(a.last_len == last_ping->len &&
                  (last_ping->text == NULL || memcmp(a.last, last_ping->text, a.last_len) == 0));
    }
    if (a.close != c->close || a.closes != (c->close != OPEN) || a.pongs != c->pongs ||
        e->got_len != c->data || (err == P2P_OK) != (c->close == OPEN))
        fail_msg("case %s, %s, pieces of %zu: code %u (%zu times), %zu pongs, %zu bytes, %s", c->id,
            server ? "server" : "client", piece, a.close, a.closes, a.pongs, e->got_len,
            p2p_err_name(err));
    stop_pair(&p);
}

static void run_all(bool server) {
    static const size_t PIECES[] = {1, 997, 100000};
    for (size_t i = 0; i < P2P_COUNT(CASES); i++)
        for (size_t k = 0; k < P2P_COUNT(PIECES); k++)
            run_case(&CASES[i], server, PIECES[k]);
}

static void a_server_answers_every_case(void **state) {
    (void)state;
    run_all(true);
}

static void a_client_answers_every_case(void **state) {
    (void)state;
    run_all(false);
}

static void every_code_of_a_close_is_known_or_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(CODES); i++) {
        char payload[125], name[16];
        memset(payload, 'r', sizeof payload);
        p2p_store16((uint8_t *)payload, (uint16_t)CODES[i].code);
        snprintf(name, sizeof name, "code %u", CODES[i].code);
        conformance c = {.id = name,
            .frames = {{FIN | CLOSE, sizeof payload, payload}},
            .count = 1,
            .close = CODES[i].good ? CODES[i].code : PROTOCOL};
        run_case(&c, true, 1000);
        run_case(&c, false, 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_answers_every_case),
        cmocka_unit_test(a_client_answers_every_case),
        cmocka_unit_test(every_code_of_a_close_is_known_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
