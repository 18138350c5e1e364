/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures of simulated LANs: classic pcap files with virtual time stamps. */
#include "platform/sim/pcap.h"

#include <stdio.h>
#include <stdlib.h>

#define PCAP_MAGIC_US 0xa1b2c3d4u /* microseconds, in the writer's byte order */
#define LINKTYPE_ETHERNET 1
#define SNAP_LEN 65535

struct hm_sim_pcap {
    FILE *file;
};

struct hm_sim_pcap *hm_sim_pcap_create(const char *path)
{
    const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, precision, snap_len, link_type;
    } head = {PCAP_MAGIC_US, 2, 4, 0, 0, SNAP_LEN, LINKTYPE_ETHERNET};
    struct hm_sim_pcap *pcap = malloc(sizeof(*pcap));

    if (pcap == NULL)
        return NULL;
    pcap->file = fopen(path, "wb");
    if (pcap->file == NULL || fwrite(&head, sizeof(head), 1, pcap->file) != 1) {
        hm_sim_pcap_destroy(pcap);
        return NULL;
    }
    return pcap;
}

void hm_sim_pcap_destroy(struct hm_sim_pcap *pcap)
{
    if (pcap == NULL)
        return;
    if (pcap->file != NULL)
        fclose(pcap->file);
    free(pcap);
}

void hm_sim_pcap_write(struct hm_sim_pcap *pcap, uint64_t unix_us, const void *bytes, size_t len)
{
    const uint32_t head[4] = {(uint32_t)(unix_us / 1000000u), (uint32_t)(unix_us % 1000000u), (uint32_t)len,
                              (uint32_t)len};

    fwrite(head, sizeof(head), 1, pcap->file);
    fwrite(bytes, len, 1, pcap->file);
}
