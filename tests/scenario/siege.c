/* SPDX-License-Identifier: BSD-3-Clause */
/* A siege: how it begins, and what must be true at its end. */
#include "tests/scenario/siege.h"

void siege_begin(struct siege *siege, struct hm_sim_world *world)
{
    siege->world = world;
    meddler_start(&siege->watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REQUEST),
                  MEDDLE_WATCH, 0);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_stop(&siege->watcher, &world->sites[HM_SIM_B].lan);
    probes_start(&siege->probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    tables_read(&siege->before, world);
}

void siege_end(struct siege *siege)
{
    probes_check(&siege->probes, siege->world, 0);
    assert_tables_unchanged(siege->world, &siege->before);
    probes_stop(&siege->probes);
    assert_int_equal(siege->world->vm.strange, 0);
}

size_t siege_ip_frame(uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol, const void *payload,
                      size_t len)
{
    const struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + len),
                               .id = 7,
                               .ttl = 64,
                               .protocol = protocol,
                               .src = src,
                               .dst = dst};

    hm_ipv4_encode(frame + HM_ETHERNET_LEN, &ip);
    memcpy(frame + HM_ETHERNET_LEN + HM_IPV4_LEN, payload, len);
    return HM_ETHERNET_LEN + HM_IPV4_LEN + len;
}
