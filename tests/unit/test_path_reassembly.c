/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of reassembly: outer fragments of tunnelled packets become one packet, once, in bounded memory.
 */
#include "firmware/path/path.h"

#include "tests/unit/rig/path_rig.h"

#include "lwip/memp.h"
#include "lwip/stats.h"

#define INNER_LEN 1200
#define PIECES 5
#define PIECE_LEN 256 /* the last one is shorter */

static uint16_t next_id;
static enum hm_encapsulation kind; /* of the tunnel */

static int setup(void **state)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    path_rig_start(f);
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    next_id += 1000; /* lwIP is shared by all tests of the program */
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct path_rig *f = *state;

    path_rig_pass_ms(f, 20000); /* reassembly gives up what is left */
    assert_int_equal(lwip_stats.memp[MEMP_REASSDATA]->used, 0);
    path_rig_stop(f);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void send_fragment(struct path_rig *f, uint32_t from, uint16_t id, size_t at, size_t len, bool is_last)
{
    uint8_t whole[10000] = {0}, bytes[2048];
    const struct rig_packet packet = {
        .src = RIG_FAR, .dst = RIG_GUEST, .outer_src = from, .payload_len = INNER_LEN - HM_IPV4_LEN};
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t header_len = hm_encapsulation_len(kind) - HM_IPV4_LEN;
    struct hm_ipv4 outer = {.total_len = (uint16_t)(HM_IPV4_LEN + header_len + INNER_LEN),
                            .id = id,
                            .fragment = (uint16_t)((is_last ? 0 : HM_IPV4_MF) | at / 8),
                            .ttl = 60,
                            .protocol = hm_encapsulation_protocol(kind),
                            .src = from,
                            .dst = RIG_AGENT};

    rig_write_packet(&packet,
                     whole + header_len); /* an outer header that is not used, and the inner packet */
    hm_encapsulation_encode(whole + HM_IPV4_LEN, kind, &outer);
    hm_encapsulation_finish_sum(whole + HM_IPV4_LEN, header_len + INNER_LEN, kind);
    outer.total_len = (uint16_t)(HM_IPV4_LEN + len);
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &outer);
    memcpy(bytes + HM_ETHERNET_LEN + HM_IPV4_LEN, whole + HM_IPV4_LEN + at, len);
    path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + HM_IPV4_LEN + len);
}

static void send_piece(struct path_rig *f, uint16_t id, unsigned piece)
{
    size_t at = (size_t)piece * PIECE_LEN;
    bool is_last = piece == PIECES - 1;

    size_t len = hm_encapsulation_len(kind) - HM_IPV4_LEN + INNER_LEN;

    send_fragment(f, RIG_PEER_B, id, at, is_last ? len - at : PIECE_LEN, is_last);
}

/* Exactly one frame left since: the whole inner packet, to the visitor. */
static void assert_whole(struct path_rig *f)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip = path_rig_sent(f, 0, &ethernet);

    assert_int_equal(f->rig.frame_count, 1);
    assert_memory_equal(&ethernet.dst, &RIG_GUEST_MAC, 6);
    assert_int_equal(ip.total_len, INNER_LEN);
    for (size_t i = 0; i < INNER_LEN - HM_IPV4_LEN; i++) /* without a checksum */
        assert_int_equal(f->rig.frames[0].bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + i],
                         i == 6 || i == 7 ? 0 : (uint8_t)i);
    rig_forget_frames(&f->rig);
}

static void test_i14_fragments_in_any_order_become_one_packet(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(3);

    for (unsigned round = 0; round < 200; round++) {
        unsigned order[PIECES] = {0, 1, 2, 3, 4};
        for (unsigned i = PIECES - 1; i > 0; i--) {
            unsigned other = (unsigned)unit_below(&chance, i + 1), keep = order[i];
            order[i] = order[other];
            order[other] = keep;
        }
        next_id++;
        for (unsigned i = 0; i < PIECES; i++) {
            assert_int_equal(f->rig.frame_count, 0);
            send_piece(f, next_id, order[i]);
        }
        assert_whole(f);
    }
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_REASSEMBLY), 0);
}

static void test_i14_fragments_of_each_kind_of_tunnel_become_one_packet(void **state)
{
    struct path_rig *f = *state;

    for (kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++) {
        next_id++;
        for (unsigned i = PIECES; i > 0; i--)
            send_piece(f, next_id, i - 1);
        assert_whole(f);
    }
    kind = HM_ENCAPSULATION_IPIP;
}

static void test_i14_a_fragment_that_comes_twice_does_not_deliver_twice(void **state)
{
    struct path_rig *f = *state;

    next_id++;
    for (unsigned i = 0; i < PIECES; i++) {
        send_piece(f, next_id, i);
        if (i < PIECES - 1)
            send_piece(f, next_id, i);
    }
    assert_whole(f);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_REASSEMBLY), PIECES - 1);
    send_piece(f, next_id, PIECES - 1); /* late: begins a new packet that is never whole */
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_i14_overlapping_fragments_are_thrown_away(void **state)
{
    struct path_rig *f = *state;

    next_id++;
    send_piece(f, next_id, 0);
    send_piece(f, next_id, 2);
    send_fragment(f, RIG_PEER_B, next_id, 128, 256, false); /* into 0 */
    send_fragment(f, RIG_PEER_B, next_id, 256, 512, false); /* into 2 */
    send_fragment(f, RIG_PEER_B, next_id, 0, 1024, false);  /* over all */
    send_fragment(f, RIG_PEER_B, next_id, 640, 64, false);  /* inside 2 */
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_REASSEMBLY), 4);
    for (unsigned i = 1; i < PIECES; i += i == 1 ? 2 : 1)
        send_piece(f, next_id, i);
    assert_whole(f); /* of what came first */
}

static void test_i14_what_never_becomes_whole_is_given_up_and_counted(void **state)
{
    struct path_rig *f = *state;

    next_id++;
    for (unsigned i = 1; i < PIECES; i++)
        send_piece(f, next_id, i);
    path_rig_pass_ms(f, 20000);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_REASSEMBLY), 1);
    rig_forget_frames(&f->rig);
    send_piece(f, next_id, 0); /* too late */
    assert_int_equal(f->rig.frame_count, 0);
}

/* Ten thousand first fragments: memory has its bound, what was pushed out is counted, answers are limited,
 * and a packet that comes afterwards is put together. */
static void test_i14_a_flood_of_fragments_costs_bounded_memory(void **state)
{
    struct path_rig *f = *state;
    const unsigned flood = 10000;

    for (unsigned i = 0; i < flood; i++) {
        send_fragment(f, RIG_PEER_B, (uint16_t)(next_id + 1 + i), 0, 1024, false);
        assert_true(lwip_stats.memp[MEMP_REASSDATA]->used <= MEMP_NUM_REASSDATA);
        assert_true(lwip_stats.memp[MEMP_PBUF_POOL]->used <= IP_REASS_MAX_PBUFS + 2);
    }
    assert_true(path_rig_dropped(f, HM_DROP_IP_REASSEMBLY) >= flood - MEMP_NUM_REASSDATA);
    assert_true(f->rig.frame_count <= 100);
    rig_forget_frames(&f->rig);
    next_id = (uint16_t)(next_id + flood + 1000);
    for (unsigned i = 0; i < PIECES; i++)
        send_piece(f, next_id, i);
    assert_true(f->rig.frame_count >= 1);
    assert_memory_equal(f->rig.frames[f->rig.frame_count - 1].bytes, &RIG_GUEST_MAC, 6);
    next_id = (uint16_t)(next_id + 1000);
}

/* One packet of which fragments come for ever, none of them the last. */
static void test_i14_an_endless_packet_is_bounded(void **state)
{
    struct path_rig *f = *state;

    next_id++;
    for (unsigned i = 0; i < 4000; i++) {
        send_fragment(f, RIG_PEER_B, next_id, 0 + (i % 1000) * 8, 8, false);
        assert_true(lwip_stats.memp[MEMP_PBUF_POOL]->used <= IP_REASS_MAX_PBUFS + 2);
    }
    assert_int_equal(f->rig.frame_count, 0);
    assert_true(path_rig_dropped(f, HM_DROP_IP_REASSEMBLY) > 0);
}

static void test_i14_strangers_fragments_take_no_memory(void **state)
{
    struct path_rig *f = *state;

    for (unsigned i = 0; i < 100; i++)
        send_fragment(f, RIG_FAR, (uint16_t)(next_id + i), 0, 1024, false);
    assert_int_equal(lwip_stats.memp[MEMP_REASSDATA]->used, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_PEER), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_i14_fragments_in_any_order_become_one_packet),
        TEST(test_i14_fragments_of_each_kind_of_tunnel_become_one_packet),
        TEST(test_i14_a_fragment_that_comes_twice_does_not_deliver_twice),
        TEST(test_i14_overlapping_fragments_are_thrown_away),
        TEST(test_i14_what_never_becomes_whole_is_given_up_and_counted),
        TEST(test_i14_a_flood_of_fragments_costs_bounded_memory),
        TEST(test_i14_an_endless_packet_is_bounded),
        TEST(test_i14_strangers_fragments_take_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
