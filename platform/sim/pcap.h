/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures of simulated LANs: classic pcap files with virtual time stamps. */
#ifndef HM_SIM_PCAP_H
#define HM_SIM_PCAP_H

#include <stddef.h>
#include <stdint.h>

struct hm_sim_pcap;

/* NULL when the file cannot be written. */
struct hm_sim_pcap *hm_sim_pcap_create(const char *path);
/* NULL is allowed. */
void hm_sim_pcap_destroy(struct hm_sim_pcap *pcap);
void hm_sim_pcap_write(struct hm_sim_pcap *pcap, uint64_t unix_us, const void *bytes, size_t len);

#endif
