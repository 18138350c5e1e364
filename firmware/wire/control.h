/* SPDX-License-Identifier: BSD-3-Clause */
/* The control channel: small authenticated datagrams between hypervisors and agents, and among agents.
 *
 * A request is one UDP datagram, its reply another. All numbers in network byte order.
 *
 *   offset  bytes  field
 *        0      4  magic "HMC1"
 *        4      1  kind: 1 request, 2 reply, 3 refusal without authenticator
 *        5      1  operation (enum hm_control_op); a reply repeats it
 *        6      1  code (enum hm_control_code); 0 in requests
 *        7      1  reserved: sent 0, ignored
 *        8      4  key id: whose key makes the authenticator
 *       12      8  time stamp: the sender's clock, 64-bit NTP
 *       20      8  request id: random, the same in each repetition; a reply repeats it
 *       28      ?  items: type (1), length (1), value
 *     last     32  HMAC-SHA-256 over all bytes before it
 *
 * A hypervisor and its agent share a key; two agents derive one from their security association
 * (label "hypermip control"), its key id is the association's SPI.
 *
 * The receiver checks, in this order: length and magic, key id, authenticator, time stamp within the
 * tolerance of its own clock, request id. A request id that it has answered before gets the same reply
 * again and is not redone; one in progress is answered when it is done. A time stamp out of the window, or
 * not newer than what the agent has forgotten, gets code CLOCK: its reply carries the agent's clock as its
 * time stamp, and the sender tries once more with the same request id and its clock moved by the
 * difference (what RFC 5944's code 133 does). Each repetition has a new time stamp. A wrong key id or
 * authenticator gets kind 3 with code KEY, without items and authenticator, at most a few per second:
 * a hint for the operator that is never believed before the time is out.
 *
 * Items of unknown type below 128 make a request malformed; from 128 on they are skipped. */
#ifndef HM_WIRE_CONTROL_H
#define HM_WIRE_CONTROL_H

#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/router_config.h"

#define HM_CONTROL_PORT 4340
#define HM_CONTROL_MAX_LEN 1460
#define HM_CONTROL_HEADER_LEN 28
#define HM_CONTROL_AUTHENTICATOR_LEN 32
#define HM_CONTROL_PEER_LABEL "hypermip control"
#define HM_CONTROL_MAX_NODES 16      /* addresses of one VM */
#define HM_CONTROL_MAX_NEIGHBOURS 24 /* home neighbours told along */
#define HM_CONTROL_TEXT_LEN 192      /* of a message to a person, with the zero */
#define HM_CONTROL_DATA_LEN 1275     /* bytes of a stream of frames in one message */

enum hm_control_kind {
    HM_CONTROL_REQUEST = 1,
    HM_CONTROL_REPLY = 2,
    HM_CONTROL_HINT = 3,
};

enum hm_control_op {
    /* hypervisor -> agent */
    HM_OP_IMMINENT = 1, /* this VM will move to that host */
    HM_OP_LANDED = 2,   /* it runs at the destination */
    HM_OP_CANCEL = 3,   /* it will not move */
    HM_OP_STATUS = 4,   /* what do you know of it */
    HM_OP_SHIELD = 5,   /* its port lets only the agent pass; the answer has the agent's MAC */
    HM_OP_STOPPED = 6,  /* it has run its last instruction here; the answer has the handover's id */
    HM_OP_SALVAGE = 7,  /* frames that its TAP was given and it never got: a piece of their stream */
    HM_OP_ATTACH = 8,   /* at the destination: what waits for it will be fetched, and written to its TAP */
    HM_OP_FETCH = 9,    /* at the destination: a piece of that stream */
    /* agent -> agent */
    HM_OP_PREPARE = 16,   /* S -> D: this VM will come to you */
    HM_OP_LOCATE = 17,    /* D -> all: who has this VM? */
    HM_OP_MOVE = 18,      /* relayed imminent: D -> S, or H -> S */
    HM_OP_ARRIVED = 19,   /* D -> S: it has landed here */
    HM_OP_ABORT = 20,     /* S <-> D: the handover is off */
    HM_OP_LAND = 21,      /* S -> D: the hypervisor says that it has landed */
    HM_OP_RESTARTED = 22, /* any -> any: this agent began and has lost what it knew */
    HM_OP_RESTORE = 23,   /* H -> D: a node of ours is at you, which you have lost */
    HM_OP_STOP = 24,      /* S -> D: it has stopped; what comes from now on waits at D */
    HM_OP_SALVAGED = 25,  /* S -> D: SALVAGE of S's hypervisor */
    HM_OP_DIVERT = 26,    /* S -> H, by the tunnel: it has stopped; the end of its old way up */
    HM_OP_UNDIVERT = 27,  /* S -> H: it goes on at S */
    HM_OP_END = 28,       /* by the tunnel: an end marker: nothing more of this handover comes by this way */
    HM_OP_HELLO = 32, /* any -> any: are you there, and what is your clock? By a tunnelled packet: do packets
                         of this kind pass? The answer comes by the same. */
};
const char *hm_control_op_name(enum hm_control_op op);

enum hm_control_code {
    HM_CONTROL_OK = 0,
    HM_CONTROL_REFUSED = 1, /* understood, and not allowed or not possible; text says why */
    HM_CONTROL_UNKNOWN_VM = 2,
    HM_CONTROL_UNKNOWN_HOST = 3,
    HM_CONTROL_UNREACHABLE = 4, /* another agent did not answer in time */
    HM_CONTROL_MALFORMED = 5,
    HM_CONTROL_KEY = 6,
    HM_CONTROL_CLOCK = 7,
};
const char *hm_control_code_text(enum hm_control_code code);

/* One address of a VM, and what the destination must know to stand in for its home. */
struct hm_control_node {
    uint32_t home_addr;
    struct hm_mac mac;
    uint32_t home_agent;
    struct hm_prefix home_prefix;
    uint32_t router;          /* the VM's default router */
    struct hm_mac router_mac; /* zero: not known */
};

/* How it was found which frames the VM had got when it stopped (design: the exact cut). */
enum hm_cut {
    HM_CUT_NONE,      /* nothing was salvaged */
    HM_CUT_EXACT,     /* by the guest's own counter, or because all had been read before the stop */
    HM_CUT_COUNTED,   /* by the TAP's counter: one frame may be doubled */
    HM_CUT_ESTIMATED, /* by time */
    HM_CUT_COUNT,
};
const char *hm_cut_name(enum hm_cut cut);

/* What a message carries. Counts and empty texts say what is absent. */
struct hm_control_message {
    enum hm_control_kind kind;
    enum hm_control_op op;
    enum hm_control_code code;
    uint32_t key_id;
    uint64_t timestamp;
    uint64_t request_id;

    char vm[HM_NAME_LEN];                     /* 1: text */
    char host[HM_NAME_LEN];                   /* 2: text */
    struct hm_mac macs[HM_CONTROL_MAX_NODES]; /* 3: 6 bytes each */
    unsigned mac_count;
    uint32_t addrs[HM_CONTROL_MAX_NODES]; /* 4: 4 bytes each */
    unsigned addr_count;
    struct hm_control_node nodes[HM_CONTROL_MAX_NODES]; /* 5: 29 bytes each: addr 4, MAC 6, agent 4,
                                                           prefix 4 + 1, router 4, router MAC 6 */
    unsigned node_count;
    /* 6: 10 bytes each (address 4, MAC 6), any number in one item: the VM's home neighbours */
    struct hm_pair neighbours[HM_CONTROL_MAX_NEIGHBOURS];
    unsigned neighbour_count;
    uint64_t handover_id;    /* 7: 8 bytes; 0: none */
    uint32_t epoch;          /* 8: 4 bytes */
    uint32_t lifetime_s;     /* 9: 4 bytes */
    uint32_t wait_ms;        /* 10: 4 bytes; 0: the agent's own */
    bool dry_run;            /* 11: no value */
    uint32_t agent_addr;     /* 12: 4 bytes: the agent that asks; a peer's request without it is refused,
                                so that nobody can send our own requests back to us */
    char state[HM_NAME_LEN]; /* 13: text */
    char text[HM_CONTROL_TEXT_LEN]; /* 14: text: for a person */
    bool relayed;                   /* 15: no value: must not be relayed again */

    /* Frames travel as a stream of bytes: for each its length (2 bytes) and the frame. SALVAGE and SALVAGED:
     * this piece begins at `offset`; the answer's `offset` is the one expected next, and an empty piece asks
     * for it. FETCH: a piece from `offset` on is asked for, and everything before `confirmed` was written;
     * the answer has the piece (perhaps empty, after a wait of at most wait_ms) and, as `limit`, where the
     * stream ends so far. */
    uint64_t offset;                   /* 16: 8 bytes */
    uint64_t confirmed;                /* 17: 8 bytes */
    uint64_t limit;                    /* 18: 8 bytes */
    uint8_t data[HM_CONTROL_DATA_LEN]; /* 19: up to 255 bytes each; several are one after the other */
    unsigned data_len;
    bool has_salvage; /* 20: no value. STOPPED, STOP: SALVAGE will follow, also when there is nothing to
                         salvage */
    bool is_last;     /* 21: no value. SALVAGE: the stream ends with this piece. FETCH's answer: it ends at
                         `limit`,     and what comes later the agent delivers itself */
    bool is_ready;    /* 22: no value. FETCH's answer: the ways that are to be waited for are closed, and all
                         that    waited ends at `limit`: once that is written, the VM may run */
    bool has_stop_notice; /* 23: no value. IMMINENT, MOVE, PREPARE: STOPPED will come before the VM lands;
                             ABORT: it had come */
    bool has_old_path;    /* 24: no value. STOP: an end marker will close the way from S to D */
    enum hm_cut cut;      /* 25: 1 byte. SALVAGE that is last */
    uint32_t tap_dropped; /* 26: 4 bytes. SALVAGE that is last: frames that the VM's TAP had no room for */
};

/* Decodes header and items; the authenticator is not looked at. 0 or HM_ERR_MALFORMED. Texts are
 * checked to be printable ASCII or UTF-8 without control characters; each item that is a single one stands
 * there once at most. *out is always set: zero, or with the header's fields when only the operation or the
 * items are wrong (so that an authentic one can be answered). */
int hm_control_decode(const uint8_t *bytes, size_t len, struct hm_control_message *out);
/* True when the last 32 bytes are right for the key. */
bool hm_control_is_authentic(const uint8_t *bytes, size_t len, const struct hm_key *key);
/* Writes a message with its authenticator (none for kind HINT: key may be NULL); gives its length, 0 when it
 * does not fit HM_CONTROL_MAX_LEN. A text is sent up to the first character that decode would refuse. */
size_t hm_control_encode(const struct hm_control_message *message, const struct hm_key *key,
                         uint8_t bytes[HM_CONTROL_MAX_LEN]);

#endif
