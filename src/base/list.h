/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Intrusive doubly linked list: a node lives in the object, so that linking never allocates and
 * never fails. A list is a node too, linked to itself when empty; a node out of any list has NULL
 * links (zeroed memory is right).
 */
#ifndef P2P_BASE_LIST_H
#define P2P_BASE_LIST_H

#include <p2p/base.h>

typedef struct p2p_list {
    struct p2p_list *prev, *next;
} p2p_list;

static inline void p2p_list_init(p2p_list *list) {
    list->prev = list->next = list;
}

static inline bool p2p_list_empty(const p2p_list *list) {
    return list->next == list;
}

static inline bool p2p_list_linked(const p2p_list *node) {
    return node->next != NULL;
}

static inline void p2p_list_push(p2p_list *list, p2p_list *node) {
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

static inline void p2p_list_remove(p2p_list *node) {
    if (node->next == NULL)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

/* The first node, taken out; NULL when empty. */
static inline p2p_list *p2p_list_pop(p2p_list *list) {
    if (p2p_list_empty(list))
        return NULL;
    p2p_list *node = list->next;
    p2p_list_remove(node);
    return node;
}

#endif
