/* SPDX-License-Identifier: BSD-3-Clause */
/* The marker that ends the old path on a LAN. */
#include "firmware/wire/ethernet.h"
#include "firmware/wire/marker.h"
#include "tests/unit/unit.h"

static const struct hm_mac vm = {{0x52, 0x54, 0, 0, 1, 5}}, agent = {{2, 0, 0, 0, 1, 2}};

static void test_the_id_comes_back_and_every_cut_is_refused(void **state)
{
    uint8_t bytes[HM_MARKER_FRAME_LEN];
    uint64_t id = 0;

    (void)state;
    hm_marker_encode(bytes, &vm, &agent, UINT64_C(0x0123456789abcdef));
    assert_memory_equal(bytes, vm.b, 6);
    assert_memory_equal(bytes + 6, agent.b, 6);
    assert_true(hm_marker_decode(bytes, sizeof(bytes), &id));
    assert_true(id == UINT64_C(0x0123456789abcdef));
    for (size_t len = 0; len < HM_ETHERNET_LEN + 12; len++) {
        uint8_t *part = unit_copy(bytes, len);
        assert_false(hm_marker_decode(part, len, &id));
        free(part);
    }
}

static void test_other_frames_are_none(void **state)
{
    uint8_t bytes[HM_MARKER_FRAME_LEN];
    uint64_t id;

    (void)state;
    hm_marker_encode(bytes, &vm, &agent, 1);
    bytes[HM_ETHERNET_LEN] ^= 1;
    assert_false(hm_marker_decode(bytes, sizeof(bytes), &id));
    hm_marker_encode(bytes, &vm, &agent, 1);
    bytes[12] = 8;
    assert_false(hm_marker_decode(bytes, sizeof(bytes), &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_id_comes_back_and_every_cut_is_refused),
        cmocka_unit_test(test_other_frames_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
