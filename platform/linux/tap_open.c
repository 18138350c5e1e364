/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the set-up of a TAP device.
 *
 * A device that is not there is created and belongs to the open descriptor: it vanishes with the process,
 * and out of its bridge. One that was there already is attached to, what differs is set, and it stays. The
 * kernel's own address of the device must not be the agent's: a bridge would keep frames to it to itself. A
 * created device gets no IPv6: the kernel would talk there in its own name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "platform/linux/log.h"
#include "platform/linux/tap.h"
#include "platform/linux/tap_header.h"

#define QUEUE_LEN 10000 /* frames to us that wait: several times what a busy millisecond brings */

/* What to do about a failure of TUNSETIFF. */
static const char *attach_hint(int error)
{
    switch (error) {
    case EPERM:
        return "start as root or with CAP_NET_ADMIN, or let root create the device for this user";
    case EBUSY:
        return "another process has it: is this agent running already?";
    case EINVAL:
        return "the device is there and is no single-queue TAP: remove it or choose another name";
    default:
        return "see the kernel's log";
    }
}

/* Super-frames and begun checksums, in one system call instead of many (firmware/path/whole.c and plain.c):
 * as much of it as the kernel has. Without any it hands over complete checksums and frames within the MTU.
 * Set at every open: a device that was there keeps what another had set. */
static bool set_offloads(struct hm_tap *tap)
{
    static const struct {
        unsigned features;
        size_t header_len;
        enum hm_tunnel_way way;
    } LEVELS[] = {
        {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN | HM_TUN_F_USO | HM_TUN_F_UDP_TUNNEL_GSO,
         HM_TAP_TUNNEL_HEADER_LEN, HM_TUNNEL_WAY_WHOLE},
        {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN | HM_TUN_F_USO, HM_TAP_HEADER_LEN, HM_TUNNEL_WAY_TRAIN},
        {TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN, HM_TAP_HEADER_LEN, HM_TUNNEL_WAY_SINGLE},
        {0, HM_TAP_HEADER_LEN, HM_TUNNEL_WAY_SINGLE},
    };

    for (unsigned i = 0; i < sizeof(LEVELS) / sizeof(LEVELS[0]); i++) {
        int header_len = (int)LEVELS[i].header_len;

        if (ioctl(tap->fd, TUNSETVNETHDRSZ, &header_len) == 0 &&
            ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)LEVELS[i].features) == 0) {
            tap->header_len = LEVELS[i].header_len;
            tap->way = LEVELS[i].way;
            return true;
        }
    }
    return false;
}

static int attach(struct hm_tap *tap, const struct hm_tap_config *config)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    if (!config->create && if_nametoindex(config->device) == 0) {
        hm_log_printf(HM_LOG_ERROR,
                      "TAP %s: there is no such device; make it by \"ip tuntap add dev %s mode tap\", or set "
                      "create = yes",
                      config->device, config->device);
        return HM_ERR_PLATFORM;
    }
    tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap->fd < 0) {
        hm_log_printf(HM_LOG_ERROR, "TAP %s: /dev/net/tun cannot be opened: %s (%s)", config->device,
                      strerror(errno), errno == ENOENT ? "load the module: modprobe tun" : "start as root");
        return HM_ERR_PLATFORM;
    }
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", config->device);
    if (ioctl(tap->fd, TUNSETIFF, &request) != 0) {
        hm_log_printf(HM_LOG_ERROR, "TAP %s: cannot be opened: %s (%s)", config->device, strerror(errno),
                      attach_hint(errno));
        return HM_ERR_PLATFORM;
    }
    if (!set_offloads(tap)) {
        hm_log_printf(HM_LOG_ERROR, "TAP %s: no virtio headers: %s (the kernel is too old)", config->device,
                      strerror(errno));
        return HM_ERR_PLATFORM;
    }
    return 0;
}

/* A request of netdevice(7) for the device. */
static int request_device(int control, const char *device, unsigned long code, struct ifreq *request)
{
    snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", device);
    return ioctl(control, code, request);
}

static int fail(const char *device, const char *what)
{
    hm_log_printf(HM_LOG_ERROR, "TAP %s: %s: %s", device, what, strerror(errno));
    return HM_ERR_PLATFORM;
}

static void silence_ipv6(const char *device)
{
    char path[80];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* a kernel without IPv6, or a read-only /proc: then its packets are just not ours */
    if (write(fd, "1", 1) != 1)
        hm_log_printf(HM_LOG_DEBUG, "TAP %s: IPv6 of the kernel stays on", device);
    close(fd);
}

/* Keeps the kernel's address apart from the agent's. */
static int check_mac(int control, const struct hm_tap_config *config, bool was_there)
{
    struct ifreq request = {0};

    if (request_device(control, config->device, SIOCGIFHWADDR, &request) != 0)
        return fail(config->device, "its address cannot be read");
    if (memcmp(request.ifr_hwaddr.sa_data, config->agent_mac.b, sizeof(config->agent_mac.b)) != 0)
        return 0;
    if (was_there) {
        hm_log_printf(
            HM_LOG_ERROR,
            "TAP %s: the device has the agent's Ethernet address: set mac in its [interface] to another "
            "one, or change the device's",
            config->device);
        return HM_ERR_PLATFORM;
    }
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    request.ifr_hwaddr.sa_data[5] = (char)(request.ifr_hwaddr.sa_data[5] ^ 0x80);
    if (request_device(control, config->device, SIOCSIFHWADDR, &request) != 0)
        return fail(config->device, "its address cannot be changed");
    return 0;
}

static int set_mtu(int control, const struct hm_tap_config *config)
{
    struct ifreq request = {0};

    if (request_device(control, config->device, SIOCGIFMTU, &request) == 0 && request.ifr_mtu == config->mtu)
        return 0;
    request.ifr_mtu = config->mtu;
    if (request_device(control, config->device, SIOCSIFMTU, &request) != 0)
        return fail(config->device, "its MTU cannot be set");
    return 0;
}

static int bring_up(int control, const char *device)
{
    struct ifreq request = {0};

    if (request_device(control, device, SIOCGIFFLAGS, &request) != 0)
        return fail(device, "its flags cannot be read");
    if ((request.ifr_flags & IFF_UP) != 0)
        return 0;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (request_device(control, device, SIOCSIFFLAGS, &request) != 0)
        return fail(device, "cannot be brought up");
    return 0;
}

/* The bridge that the device is a port of, by /sys; false when that cannot be told. */
static bool read_bridge(const char *device, char bridge[HM_DEVICE_LEN])
{
    char path[80], target[256];
    const char *name;
    ssize_t len;

    snprintf(path, sizeof(path), "/sys/class/net/%s/brport/bridge", device);
    len = readlink(path, target, sizeof(target) - 1);
    if (len <= 0)
        return false;
    target[len] = '\0';
    name = strrchr(target, '/');
    snprintf(bridge, HM_DEVICE_LEN, "%.*s", HM_DEVICE_LEN - 1, name == NULL ? target : name + 1);
    return true;
}

static int join_bridge(int control, const struct hm_tap_config *config)
{
    struct ifreq request = {.ifr_ifindex = (int)if_nametoindex(config->device)};
    char bridge[HM_DEVICE_LEN];

    if (config->bridge[0] == '\0' || request_device(control, config->bridge, SIOCBRADDIF, &request) == 0)
        return 0;
    if (errno == EBUSY && (!read_bridge(config->device, bridge) || strcmp(bridge, config->bridge) == 0))
        return 0; /* it is a port of it already */
    hm_log_printf(HM_LOG_ERROR, "TAP %s: cannot become a port of bridge %s: %s%s", config->device,
                  config->bridge, strerror(errno),
                  if_nametoindex(config->bridge) == 0
                      ? " (there is no such bridge: \"ip link add NAME type bridge\")"
                  : errno == EBUSY ? " (it is a port of another one)"
                                   : "");
    return HM_ERR_PLATFORM;
}

static int set_up(int control, const struct hm_tap_config *config, bool was_there)
{
    struct ifreq request = {.ifr_qlen = QUEUE_LEN};
    int err;

    if (!was_there)
        silence_ipv6(config->device);
    if ((err = check_mac(control, config, was_there)) != 0 || (err = set_mtu(control, config)) != 0)
        return err;
    /* without the right to set it, an attached device keeps its own: slower, not wrong */
    if (request_device(control, config->device, SIOCSIFTXQLEN, &request) != 0 && !was_there)
        return fail(config->device, "its queue length cannot be set");
    if ((err = join_bridge(control, config)) != 0)
        return err;
    return bring_up(control, config->device);
}

int hm_tap_open(struct hm_tap *tap, const struct hm_tap_config *config)
{
    bool was_there = if_nametoindex(config->device) != 0;
    int control, err;

    tap->fd = -1;
    snprintf(tap->device, sizeof(tap->device), "%s", config->device);
    err = attach(tap, config);
    if (err != 0)
        goto close_tap;
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) {
        err = fail(config->device, "no socket to set it up");
        goto close_tap;
    }
    err = set_up(control, config, was_there);
    close(control);
    if (err == 0)
        return 0;

close_tap:
    hm_tap_close(tap);
    return err;
}
