/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the check that lwIP is the version we expect and is configured as the router needs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/opt.h"

static void test_version_is_at_least_2_2_1(void **state)
{
    (void)state;
    assert_true(LWIP_VERSION_MAJOR == 2 && LWIP_VERSION_MINOR >= 2);
}

static void test_router_options_are_on(void **state)
{
    (void)state;
    assert_int_equal(NO_SYS, 1);
    assert_int_equal(IP_FORWARD, 0);
    assert_int_equal(IP_REASSEMBLY, 1);
}

static void test_library_is_linked(void **state)
{
    const uint8_t header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                              0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
    (void)state;
    assert_int_equal(inet_chksum(header, sizeof(header)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_is_at_least_2_2_1),
        cmocka_unit_test(test_router_options_are_on),
        cmocka_unit_test(test_library_is_linked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
