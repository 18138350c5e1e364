/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the contract of one end of the TCP connection that must live through every move. */
#ifndef HM_VM_PROBE_TRANSFER_H
#define HM_VM_PROBE_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#define TRANSFER_TICK_NS 5000000u /* transfer_send() wants to be called this often */

/* The byte at each offset is known to both ends, and differs by direction. Times are of CLOCK_MONOTONIC. */
struct transfer {
    int fd; /* -1: none */
    bool is_guest;
    bool ended;    /* the peer has closed its direction */
    bool failed;   /* reset, or any other error */
    uint32_t rate; /* bytes per second that this end sends */
    uint64_t sent; /* bytes */
    uint64_t received;
    uint64_t wrong;  /* bytes that were not the expected ones */
    uint64_t credit; /* bytes that may be sent now */
    uint64_t last_send_ns;
    uint64_t last_receive_ns;
    uint64_t longest_gap_ns; /* between two arrivals, since it was last set to 0 */
};

/* Takes the connected socket `fd` and makes it non-blocking; the caller closes it. */
void transfer_open(struct transfer *transfer, int fd, bool is_guest, uint32_t rate);
/* Sends what the rate allows; what was not sent in time is not caught up beyond 50 ms. */
void transfer_send(struct transfer *transfer);
/* Reads and checks all that is there. */
void transfer_receive(struct transfer *transfer);
/* Bytes that the peer's TCP has acknowledged. */
uint64_t transfer_acknowledged(const struct transfer *transfer);
/* Segments that this end has sent again. */
uint32_t transfer_retransmitted(const struct transfer *transfer);
/* How often a retransmission timer has run out on this machine or in this namespace, of all connections. */
uint64_t transfer_timeouts(void);

#endif
