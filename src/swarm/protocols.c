/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of protocols that peers may open here. It has few rows and is searched in order of
 * registration. */
#include "base/bytes.h"
#include "base/mem.h"
#include "swarm/swarm.h"

enum { ID_MAX = 255 };

p2p_err p2p_swarm_add_protocol(p2p_swarm *swarm, const p2p_protocol *protocol, void *self) {
    size_t max = swarm->env->limits->protocols;
    if (protocol->ids == NULL || protocol->ids[0] == NULL)
        return P2P_ERR_INVALID;
    for (size_t i = 0; protocol->ids[i] != NULL; i++) {
        p2p_bytes id = p2p_bytes_text(protocol->ids[i]);
        if (id.len == 0 || id.len > ID_MAX)
            return P2P_ERR_INVALID;
        if (p2p_swarm_find_protocol(swarm, id) != NULL)
            return P2P_ERR_EXISTS;
    }
    if (swarm->protocol_count >= max)
        return P2P_ERR_LIMIT;
    p2p_registered *grown = p2p_mem_resize(swarm->env->mem, swarm->protocols,
        swarm->protocol_count * sizeof *grown, (swarm->protocol_count + 1) * sizeof *grown);
    if (grown == NULL)
        return P2P_ERR_NO_MEMORY;
    swarm->protocols = grown;
    grown[swarm->protocol_count++] = (p2p_registered){protocol, self};
    return P2P_OK;
}

void p2p_swarm_remove_protocol(p2p_swarm *swarm, const p2p_protocol *protocol) {
    for (size_t i = 0; i < swarm->protocol_count; i++) {
        if (swarm->protocols[i].protocol != protocol)
            continue;
        size_t behind = swarm->protocol_count - i - 1;
        memmove(
            &swarm->protocols[i], &swarm->protocols[i + 1], behind * sizeof swarm->protocols[0]);
        /* Shrinking cannot fail with any sane allocator; if it does, the block stays and its size
         * would be wrong. */
        p2p_registered *shrunk = p2p_mem_resize(swarm->env->mem, swarm->protocols,
            swarm->protocol_count * sizeof *shrunk, (swarm->protocol_count - 1) * sizeof *shrunk);
        if (shrunk == NULL && swarm->protocol_count > 1) {
            swarm->protocols[swarm->protocol_count - 1] = (p2p_registered){0};
            return;
        }
        swarm->protocols = shrunk;
        swarm->protocol_count--;
        return;
    }
}

const p2p_registered *p2p_swarm_find_protocol(const p2p_swarm *swarm, p2p_bytes id) {
    for (size_t i = 0; i < swarm->protocol_count; i++) {
        const p2p_protocol *protocol = swarm->protocols[i].protocol;
        for (size_t j = 0; protocol != NULL && protocol->ids[j] != NULL; j++)
            if (p2p_bytes_equal(id, p2p_bytes_text(protocol->ids[j])))
                return &swarm->protocols[i];
    }
    return NULL;
}

const char *p2p_swarm_protocol_id(const p2p_swarm *swarm, size_t index) {
    for (size_t i = 0; i < swarm->protocol_count; i++) {
        const p2p_protocol *protocol = swarm->protocols[i].protocol;
        if (protocol == NULL || !protocol->inbound)
            continue;
        for (size_t j = 0; protocol->ids[j] != NULL; j++)
            if (index-- == 0)
                return protocol->ids[j];
    }
    return NULL;
}
