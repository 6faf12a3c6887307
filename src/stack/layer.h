/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A layer of a stacked connection: TLS, Noise, WebSocket, multistream-select, yamux. Bytes are
 * pushed up and pulled down:
 *
 * - feed: wire bytes arrived. Work on them where they lie (decrypt in place) and feed the layer
 *   above.
 * - draw: the wire has room for cap bytes. Produce at most that much, asking the layer above to
 *   draw into the same block where possible.
 *
 * A layer consumes all it is fed and keeps only an incomplete frame. It produces nothing that was
 * not drawn, so it keeps no output queue. When it gets something to say outside of feed and draw,
 * it calls p2p_wire_wake.
 */
#ifndef P2P_STACK_LAYER_H
#define P2P_STACK_LAYER_H

#include <p2p/base.h>

typedef struct p2p_layer p2p_layer;
typedef struct p2p_wire p2p_wire;

typedef struct p2p_layer_ops {
    const char *name;
    /* Consumes all of data, which it may change. An error ends the connection. `data` may end
     * anywhere. */
    p2p_err (*feed)(p2p_layer *layer, uint8_t *data, size_t len);
    /* Writes at most cap bytes; *len 0: nothing to send now. An error ends the connection. */
    p2p_err (*draw)(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len);
    /* The direction below ended (end of file). NULL: as if the layer above were told. An error
     * names a truncation. */
    p2p_err (*eof)(p2p_layer *layer);
    /* Frees this layer only. */
    void (*free)(p2p_layer *layer);
    /* This side ends: say goodbye in the next draws, after what the layer above still gives. Called
     * on the layers below the upgrade only. NULL: there is no such word. */
    void (*shut)(p2p_layer *layer);
} p2p_layer_ops;

struct p2p_layer {
    const p2p_layer_ops *ops;
    p2p_layer *above; /* NULL while nothing stands on it */
    p2p_wire *wire;
};

static inline p2p_err p2p_layer_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    return layer == NULL || len == 0 ? P2P_OK : layer->ops->feed(layer, data, len);
}

static inline p2p_err p2p_layer_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    *len = 0;
    return layer == NULL ? P2P_OK : layer->ops->draw(layer, dst, cap, len);
}

static inline p2p_err p2p_layer_eof(p2p_layer *layer) {
    if (layer == NULL)
        return P2P_OK;
    return layer->ops->eof == NULL ? p2p_layer_eof(layer->above) : layer->ops->eof(layer);
}

/*
 * What a stack stands on: a TCP socket, a relayed stream, the first stream of a WebTransport
 * session. Its owner embeds it, feeds `bottom` and draws from it.
 */
typedef struct p2p_wire_ops {
    /* The stack has bytes to draw. */
    void (*wake)(p2p_wire *wire);
    /* Ends our direction after all that draw still gives. May be NULL. */
    void (*shut)(p2p_wire *wire);
} p2p_wire_ops;

struct p2p_wire {
    const p2p_wire_ops *ops;
    p2p_layer *bottom;
};

static inline void p2p_wire_wake(p2p_wire *wire) {
    if (wire != NULL)
        wire->ops->wake(wire);
}

#endif
