/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the switch of a network device's TCP segmentation offload (ethtool's). */
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

/* Asks for, or sets, the value; 0, or errno. */
static int call(const char *device, uint32_t command, uint32_t *value)
{
    struct ethtool_value words = {.cmd = command, .data = *value};
    struct ifreq request = {.ifr_data = (char *)&words};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0)
        return errno;
    memcpy(request.ifr_name, device, strnlen(device, IFNAMSIZ - 1));
    if (ioctl(fd, SIOCETHTOOL, &request) != 0)
        error = errno;
    close(fd);
    *value = words.data;
    return error;
}

int hm_segmentation_off(struct hm_segmentation *segmentation, const char *device)
{
    uint32_t value = 0;
    int error = call(device, ETHTOOL_GTSO, &value);

    segmentation->device = device;
    segmentation->is_switched = error == 0 && value != 0;
    segmentation->was_on = segmentation->was_on || segmentation->is_switched;
    if (!segmentation->is_switched)
        return error;
    value = 0;
    return call(device, ETHTOOL_STSO, &value);
}

void hm_segmentation_restore(const struct hm_segmentation *segmentation)
{
    uint32_t value = 1;

    if (segmentation->was_on)
        call(segmentation->device, ETHTOOL_STSO, &value);
}
