/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of a TAP's set-up: of the offloads that a kernel has, all are asked for, and the best way into
 * UDP tunnels follows from that. The kernel is played here: ioctl and open are ours. */
#include "platform/linux/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define BASIC (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN)
#define USO 0x60u         /* for both families */
#define TUNNEL_GSO 0x180u /* with outer checksums */

struct kernel {
    unsigned features; /* that it knows */
    int longest_header;
    int header_len; /* as it was told at last */
    unsigned long set;
};

static struct kernel kernel;

/* As the kernel does it: one feature that it does not know, and nothing is set. */
static int set_offload(unsigned long features)
{
    if ((features & ~(unsigned long)kernel.features) != 0) {
        errno = EINVAL;
        return -1;
    }
    kernel.set = features;
    return 0;
}

static int set_header(int len)
{
    if (len > kernel.longest_header) {
        errno = EINVAL;
        return -1;
    }
    kernel.header_len = len;
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *argument;

    (void)fd;
    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request == TUNSETVNETHDRSZ)
        return set_header(*(const int *)argument);
    if (request == TUNSETOFFLOAD)
        return set_offload((unsigned long)argument);
    if (request == SIOCGIFFLAGS)
        ((struct ifreq *)argument)->ifr_flags = IFF_UP;
    return 0;
}

int open(const char *path, int flags, ...)
{
    return openat(AT_FDCWD, strcmp(path, "/dev/net/tun") == 0 ? "/dev/null" : path, flags);
}

static void test_all_that_the_kernel_has_is_used(void **state)
{
    static const struct {
        struct kernel kernel;
        enum hm_tunnel_way way;
        size_t header_len;
        unsigned long set;
    } KERNELS[] = {
        {{BASIC | USO | TUNNEL_GSO, 24, 0, 0}, HM_TUNNEL_WAY_WHOLE, 24, BASIC | USO | TUNNEL_GSO},
        {{BASIC | USO, 24, 0, 0}, HM_TUNNEL_WAY_TRAIN, 12, BASIC | USO},
        {{BASIC | USO | TUNNEL_GSO, 12, 0, 0}, HM_TUNNEL_WAY_TRAIN, 12, BASIC | USO},
        {{BASIC | TUNNEL_GSO, 24, 0, 0}, HM_TUNNEL_WAY_SINGLE, 12, BASIC},
        {{BASIC, 12, 0, 0}, HM_TUNNEL_WAY_SINGLE, 12, BASIC},
        {{TUN_F_CSUM, 12, 0, 0}, HM_TUNNEL_WAY_SINGLE, 12, 0},
    };
    struct hm_tap_config config = {.create = true, .device = "hm-played"};

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(KERNELS); i++) {
        struct hm_tap tap;
        kernel = KERNELS[i].kernel;
        kernel.set = ~0ul; /* another had set it */
        assert_int_equal(hm_tap_open(&tap, &config), 0);
        assert_int_equal(tap.way, KERNELS[i].way);
        assert_int_equal(tap.header_len, KERNELS[i].header_len);
        assert_int_equal(kernel.header_len, tap.header_len);
        assert_int_equal(kernel.set, KERNELS[i].set);
        hm_tap_close(&tap);
    }
}

static void test_a_kernel_without_virtio_headers_is_refused(void **state)
{
    struct hm_tap_config config = {.create = true, .device = "hm-played"};
    struct hm_tap tap;

    (void)state;
    kernel = (struct kernel){.longest_header = 10};
    assert_int_not_equal(hm_tap_open(&tap, &config), 0);
    assert_int_equal(tap.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_the_kernel_has_is_used),
        cmocka_unit_test(test_a_kernel_without_virtio_headers_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
