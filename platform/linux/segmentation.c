/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the switches of a network device's segmentation offloads (ethtool's features), each found by its name:
 * its number is the kernel's own affair. */
#include "platform/linux/segmentation.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCKS_MAX HM_SEGMENTATION_BLOCKS
#define FEATURES_MAX (32 * BLOCKS_MAX)

/* Of what a TAP may have: TCP, and trains of datagrams, which QEMU asks for since its version 8.1. A kernel
 * that does not know a name has no such offload. */
static const char *const NAMES[] = {"tx-tcp-segmentation", "tx-tcp-ecn-segmentation",
                                    "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation",
                                    "tx-udp-segmentation"};

/* 0, or errno. */
static int call(const char *device, void *request)
{
    struct ifreq ifreq = {.ifr_data = request};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

    if (fd < 0)
        return errno;
    memcpy(ifreq.ifr_name, device, strnlen(device, IFNAMSIZ - 1));
    if (ioctl(fd, SIOCETHTOOL, &ifreq) < 0)
        error = errno;
    close(fd);
    return error;
}

static bool is_named(const char *name)
{
    for (unsigned i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        if (strncmp(name, NAMES[i], ETH_GSTRING_LEN) == 0)
            return true;
    return false;
}

/* Which bits of the features are ours. */
static int find(const char *device, uint32_t found[BLOCKS_MAX], unsigned *count)
{
    union {
        struct ethtool_sset_info info;
        uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
    } known = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1u << ETH_SS_FEATURES}};
    union {
        struct ethtool_gstrings strings;
        uint8_t room[sizeof(struct ethtool_gstrings) + FEATURES_MAX * ETH_GSTRING_LEN];
    } all = {.strings = {.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES}};
    int error = call(device, &known);

    *count = all.strings.len = error == 0 ? known.info.data[0] : 0;
    if (*count > FEATURES_MAX)
        error = E2BIG;
    if (error == 0)
        error = call(device, &all);
    memset(found, 0, BLOCKS_MAX * sizeof(found[0]));
    for (unsigned i = 0; error == 0 && i < *count; i++)
        if (is_named((const char *)all.strings.data + (size_t)i * ETH_GSTRING_LEN))
            found[i / 32] |= 1u << i % 32;
    return error;
}

/* Those of ours that are on. */
static int read_on(const char *device, uint32_t on[BLOCKS_MAX], unsigned *blocks)
{
    union {
        struct ethtool_gfeatures features;
        uint8_t
            room[sizeof(struct ethtool_gfeatures) + BLOCKS_MAX * sizeof(struct ethtool_get_features_block)];
    } state = {.features = {.cmd = ETHTOOL_GFEATURES}};
    unsigned count = 0;
    int error = find(device, on, &count);

    *blocks = state.features.size = (count + 31) / 32;
    if (error == 0)
        error = call(device, &state);
    for (unsigned i = 0; error == 0 && i < *blocks; i++)
        on[i] &= state.features.features[i].active;
    return error;
}

static int set(const char *device, const uint32_t which[BLOCKS_MAX], unsigned blocks, bool is_on)
{
    union {
        struct ethtool_sfeatures features;
        uint8_t
            room[sizeof(struct ethtool_sfeatures) + BLOCKS_MAX * sizeof(struct ethtool_set_features_block)];
    } wanted = {.features = {.cmd = ETHTOOL_SFEATURES, .size = blocks}};

    for (unsigned i = 0; i < blocks; i++) {
        wanted.features.features[i].valid = which[i];
        wanted.features.features[i].requested = is_on ? which[i] : 0;
    }
    return call(device, &wanted);
}

int hm_segmentation_off(struct hm_segmentation *segmentation, const char *device)
{
    uint32_t on[BLOCKS_MAX];
    unsigned blocks;
    int error = read_on(device, on, &blocks);

    segmentation->device = device;
    segmentation->is_switched = false;
    for (unsigned i = 0; error == 0 && i < blocks; i++) {
        segmentation->is_switched |= on[i] != 0;
        segmentation->was_on[i] |= on[i];
    }
    if (!segmentation->is_switched)
        return error;
    segmentation->blocks = blocks;
    error = set(device, on, blocks, false);
    /* what the device does not do is no error to the kernel */
    if (error == 0 && (error = read_on(device, on, &blocks)) == 0)
        for (unsigned i = 0; i < blocks; i++)
            error = on[i] != 0 ? EBUSY : error;
    return error;
}

void hm_segmentation_restore(const struct hm_segmentation *segmentation)
{
    if (segmentation->blocks > 0)
        set(segmentation->device, segmentation->was_on, segmentation->blocks, true);
}
