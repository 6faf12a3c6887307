/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What identify told about a peer, as long as the connection lasts: one block, hung on the
 * connection. identify's messages are bounded, so this is. */
#include <stdlib.h>

#include "base/bytes.h"
#include "up.h"

static char *put(char **at, p2p_bytes text) {
    char *start = *at;
    p2p_copy(start, text.ptr, text.len);
    start[text.len] = 0;
    *at += text.len + 1;
    return start;
}

void up_peer_info_keep(const p2p_event *event) {
    const p2p_peer_info *told = event->info;
    size_t text = told->agent.len + 1;
    for (size_t i = 0; i < told->protocol_count; i++)
        text += told->protocols[i].len + 1;
    up_peer_info *own = malloc(sizeof *own + told->protocol_count * sizeof(char *) + text);
    if (own == NULL)
        return;
    char *at = (char *)&own->protocols[told->protocol_count];
    own->agent = put(&at, told->agent);
    own->protocol_count = told->protocol_count;
    for (size_t i = 0; i < told->protocol_count; i++)
        own->protocols[i] = put(&at, told->protocols[i]);
    up_peer_info_drop(event->conn);
    p2p_conn_set_user(event->conn, own);
}

void up_peer_info_drop(p2p_conn *conn) {
    free(p2p_conn_user(conn));
    p2p_conn_set_user(conn, NULL);
}
