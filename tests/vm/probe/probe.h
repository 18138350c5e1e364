/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what the probe program's parts share: its ways to run, and sockets that work or end it. */
#ifndef HM_VM_PROBE_PROBE_H
#define HM_VM_PROBE_PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Each returns the program's exit status. Addresses are those of the guest's end. */

/* The guest's end, for ever. `tcp_rate`: bytes per second that it sends on the connection. */
int probe_guest(uint16_t port, uint32_t tcp_rate);
/* Asks until the guest answers and prints its report: 0; 1 when `timeout_ms` have passed. */
int probe_ask(const struct sockaddr_in *guest, uint32_t timeout_ms);
/* Numbered probes both ways until standard input ends or has a line; then prints one line of JSON. With an
 * `up_rate` of 0 the guest sends nothing and is not even asked before the end. Writes "number nanoseconds"
 * (CLOCK_REALTIME) of each probe sent to the file `stamps`. */
int probe_stream(const struct sockaddr_in *guest, uint32_t stream, uint32_t rate, uint32_t up_rate,
                 const char *stamps);
/* The connection: prints its state as one line of JSON for each line of standard input, closes it at the end.
 */
int probe_connection(const struct sockaddr_in *guest, uint32_t rate);

/* Streams of `rate` between a correspondent and each of a group, and from each to the next. Each end is given
 * as NAMESPACE=ADDRESS. Commands: see group.c. */
int probe_group(uint32_t rate, const char *correspondent, char **members, uint32_t len);

int probe_socket(int type);
void probe_bind(int fd, uint16_t port);
/* Waits up to `timeout_ms` for input; true: there is some, or the other end has gone. */
bool probe_wait(int fd, int timeout_ms);
void probe_die(const char *what) __attribute__((noreturn));

#endif
