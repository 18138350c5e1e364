/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: forged and truncated registrations and control messages are dropped by name. */
#include "firmware/base/writer.h"
#include "tests/scenario/siege.h"

#define STRANGER 0x0a090042u
#define AGENT_A 0x0a010002u
#define AGENT_B 0x0a020002u
#define AGENT_C 0x0a030002u
#define UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)
#define MIP_AT (UDP_AT + 8)

/* Sends UDP payload of the last registration request again after `spoil` has changed it. */
static void send_spoiled(struct siege *siege, uint32_t src, void (*spoil)(uint8_t *mip, size_t *len),
                         const char *drop)
{
    uint64_t before = counter(siege->world, HM_SIM_A, drop);
    uint8_t payload[HM_SIM_FRAME_MAX], frame[HM_SIM_FRAME_MAX];
    size_t len = siege->watcher.frame_len - MIP_AT;
    uint16_t udp_len;

    memcpy(payload, siege->watcher.frame + UDP_AT, 8 + len);
    spoil(payload + 8, &len);
    udp_len = (uint16_t)(8 + len);
    payload[4] = (uint8_t)(udp_len >> 8);
    payload[5] = (uint8_t)udp_len;
    payload[6] = payload[7] = 0; /* no checksum */
    inject(siege->world, frame, siege_ip_frame(frame, src, AGENT_A, HM_IP_PROTO_UDP, payload, udp_len));
    if (counter(siege->world, HM_SIM_A, drop) != before + 1)
        print_message("not counted as %s\n", drop);
    assert_int_equal(counter(siege->world, HM_SIM_A, drop), before + 1);
}

static void spoil_nothing(uint8_t *mip, size_t *len)
{
    (void)mip;
    (void)len;
}

/* Another care-of address, with the authenticator of the old one. */
static void spoil_care_of(uint8_t *mip, size_t *len)
{
    (void)len;
    mip[12] = 10;
    mip[13] = 9;
    mip[14] = 0;
    mip[15] = 0x42;
}

static void spoil_authenticator(uint8_t *mip, size_t *len)
{
    mip[*len - 1] ^= 1;
}

static void spoil_identification(uint8_t *mip, size_t *len)
{
    (void)len;
    mip[23]++;
}

static void spoil_length(uint8_t *mip, size_t *len)
{
    (void)mip;
    *len -= 5;
}

static void spoil_fixed_part(uint8_t *mip, size_t *len)
{
    (void)mip;
    *len = 23;
}

static void spoil_type(uint8_t *mip, size_t *len)
{
    (void)len;
    mip[0] = 99;
}

/* An extension that must be understood, in place of the first. */
static void spoil_extension(uint8_t *mip, size_t *len)
{
    (void)len;
    mip[24] = 99;
}

static void spoil_all_extensions(uint8_t *mip, size_t *len)
{
    (void)mip;
    *len = 24;
}

static void test_forged_registrations(void **state)
{
    struct siege siege;

    siege_begin(&siege, *state);
    send_spoiled(&siege, STRANGER, spoil_nothing, "drop-mip-no-sa");
    send_spoiled(&siege, AGENT_B, spoil_care_of, "drop-mip-auth");
    send_spoiled(&siege, AGENT_B, spoil_authenticator, "drop-mip-auth");
    send_spoiled(&siege, AGENT_B, spoil_identification, "drop-mip-auth");
    send_spoiled(&siege, AGENT_C, spoil_nothing, "drop-mip-no-sa");
    send_spoiled(&siege, AGENT_B, spoil_length, "drop-mip-malformed");
    send_spoiled(&siege, AGENT_B, spoil_fixed_part, "drop-mip-malformed");
    send_spoiled(&siege, AGENT_B, spoil_type, "drop-mip-type");
    send_spoiled(&siege, AGENT_B, spoil_extension, "drop-mip-extension");
    send_spoiled(&siege, AGENT_B, spoil_all_extensions, "drop-mip-no-sa");
    siege_end(&siege);
}

/* Every beginning of a good request is refused, and none is taken for the whole. */
static void test_truncated_registrations(void **state)
{
    struct siege siege;
    size_t whole;

    siege_begin(&siege, *state);
    whole = siege.watcher.frame_len - MIP_AT;
    for (size_t len = 0; len < whole; len++) {
        uint64_t accepted = counter(siege.world, HM_SIM_A, "rrp-accepted");
        uint8_t payload[HM_SIM_FRAME_MAX], frame[HM_SIM_FRAME_MAX];

        memcpy(payload, siege.watcher.frame + UDP_AT, 8 + len);
        payload[4] = (uint8_t)((8 + len) >> 8);
        payload[5] = (uint8_t)(8 + len);
        payload[6] = payload[7] = 0;
        inject(siege.world, frame,
               siege_ip_frame(frame, AGENT_B, AGENT_A, HM_IP_PROTO_UDP, payload, 8 + len));
        assert_int_equal(counter(siege.world, HM_SIM_A, "rrp-accepted"), accepted);
    }
    siege_end(&siege);
}

static void test_truncated_control_messages(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    struct tables before;

    meddler_start(&watcher, &world->sites[HM_SIM_A].lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_IMMINENT),
                  MEDDLE_WATCH, 0);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_stop(&watcher, &world->sites[HM_SIM_A].lan);
    tables_read(&before, world);
    for (size_t len = 0; len < watcher.frame_len - MIP_AT; len++) {
        uint64_t accepted = counter(world, HM_SIM_A, "control-requests");
        uint8_t frame[HM_SIM_FRAME_MAX], payload[HM_SIM_FRAME_MAX];
        struct hm_ipv4 ip;
        size_t frame_len;

        assert_int_equal(
            hm_ipv4_decode(watcher.frame + HM_ETHERNET_LEN, watcher.frame_len - HM_ETHERNET_LEN, &ip), 0);
        memcpy(payload, watcher.frame + UDP_AT, 8 + len);
        payload[4] = (uint8_t)((8 + len) >> 8);
        payload[5] = (uint8_t)(8 + len);
        payload[6] = payload[7] = 0;
        frame_len = siege_ip_frame(frame, ip.src, ip.dst, HM_IP_PROTO_UDP, payload, 8 + len);
        memcpy(frame, watcher.frame, HM_ETHERNET_LEN);
        hm_sim_port_send_bytes(&world->sites[HM_SIM_A].machine.iface.port, frame, frame_len);
        hm_sim_run_for(&world->sim, HM_SIM_MS);
        assert_int_equal(counter(world, HM_SIM_A, "control-requests"), accepted);
    }
    assert_tables_unchanged(world, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_forged_registrations),
        SCENARIO(test_truncated_registrations),
        SCENARIO(test_truncated_control_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
