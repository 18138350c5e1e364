/* SPDX-License-Identifier: BSD-3-Clause */
/* Durable records: what an agent writes to its store, as bytes and back.
 *
 * A record has a key and a value, numbers in network byte order.
 *
 *   key    kind (1: enum hm_record_kind), then what tells records of the kind apart
 *   value  version (1), the fields, CRC-32 (4, IEEE 802.3) over key, version and fields
 *
 * Times are wall clock (64-bit NTP): they must mean the same to the next start. The sum is there because the
 * database below notices few of a disk's faults. */
#ifndef HM_WIRE_RECORD_H
#define HM_WIRE_RECORD_H

#include "firmware/wire/control.h"

#define HM_RECORD_VERSION 1
#define HM_RECORD_KEY_LEN 16   /* the longest */
#define HM_RECORD_MAX_LEN 1024 /* of a value */

enum hm_record_kind {
    HM_RECORD_AGENT = 'A',      /* key: nothing more */
    HM_RECORD_BINDING = 'B',    /* home address */
    HM_RECORD_HANDOVER = 'H',   /* role, id */
    HM_RECORD_MOBILE = 'M',     /* home address */
    HM_RECORD_REVOCATION = 'R', /* home address, care-of address */
    HM_RECORD_SHIELD = 'S',     /* MAC, key id; the MAC alone in records of before */
    HM_RECORD_VISITOR = 'V',    /* home agent, home address */
};

struct hm_agent_record {
    uint32_t last_epoch; /* 0: none yet */
    uint64_t forgotten;  /* newest identification of the nodes that were forgotten; 0: none */
};

struct hm_care_of_record {
    uint32_t addr;
    uint16_t lifetime_s; /* granted */
    uint64_t end_ntp;
};

struct hm_binding_record {
    uint32_t home_addr;
    struct hm_mac mac;
    char vm[HM_NAME_LEN];
    struct hm_care_of_record care_of[HM_MAX_SIMULTANEOUS];
    unsigned care_of_count; /* 0: it is, or was until now, at home */
    uint64_t handover_id;   /* that brought it where it is */
    uint32_t epoch;
    struct hm_care_of_record staged; /* addr 0: none */
    uint64_t staged_handover_id;
    uint32_t staged_epoch;
    uint64_t identification;
    struct hm_mac agent_mac;
    bool is_revocable;
    uint32_t registered_time;
};

struct hm_visitor_record {
    struct hm_control_node node;
    char vm[HM_NAME_LEN];
    bool was_here; /* false: expected */
    uint64_t handover_id;
    uint32_t epoch;
    uint64_t end_ntp;
    struct hm_pair neighbours[HM_CONTROL_MAX_NEIGHBOURS];
    unsigned neighbour_count;
    bool is_revocable;
    uint32_t registered_time;
};

enum hm_record_stage {
    HM_RECORD_PREPARING,
    HM_RECORD_PREPARED,
    HM_RECORD_STOPPED, /* and prepared */
    HM_RECORD_STAGE_COUNT,
};

struct hm_handover_record {
    uint64_t id;
    uint8_t role; /* enum hm_handover_role */
    uint32_t epoch;
    enum hm_record_stage stage;
    char vm[HM_NAME_LEN];
    char host[HM_NAME_LEN];
    uint32_t other;
    bool has_stop_notice;
    uint64_t started_ntp;
    uint64_t end_ntp; /* of the staged state */
    struct hm_control_node nodes[HM_CONTROL_MAX_NODES];
    unsigned node_count;
};

/* The agent at the care-of address is still to acknowledge that the node has left. */
struct hm_revocation_record {
    uint32_t home_addr, care_of_addr;
    uint64_t end_ntp; /* of the binding that it had there */
};

struct hm_mobile_record {
    uint32_t home_addr;
    uint64_t identification; /* newest accepted */
};

/* A hypervisor's word that it has closed this machine's port. */
struct hm_shield_record {
    struct hm_mac mac;
    uint32_t key_id; /* the hypervisor's; 0: it was not told */
};

struct hm_record {
    enum hm_record_kind kind;
    union {
        struct hm_agent_record agent;
        struct hm_binding_record binding;
        struct hm_handover_record handover;
        struct hm_mobile_record mobile;
        struct hm_revocation_record revocation;
        struct hm_shield_record shield;
        struct hm_visitor_record visitor;
    };
};

/* Writes the record's key; gives its length. Only the fields that the key is made of are read. */
size_t hm_record_encode_key(const struct hm_record *record, uint8_t key[HM_RECORD_KEY_LEN]);
/* Writes the record's value; gives its length. */
size_t hm_record_encode(const struct hm_record *record, uint8_t bytes[HM_RECORD_MAX_LEN]);

/* What stands at a value's end: the sum over the key and the value up to there. */
uint32_t hm_record_sum(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len);

/* HM_OK; HM_ERR_MALFORMED: damaged, or no record; HM_ERR_UNKNOWN: whole, and of a version or kind that is not
 * known. *out is set only when it is HM_OK. */
int hm_record_decode(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len,
                     struct hm_record *out);

#endif
