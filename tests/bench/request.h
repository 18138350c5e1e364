/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration requests as a proxy mobility agent sends them (RFC 5563): made by the thousand before anything
 * is measured, a mix of new bindings and renewals. */
#ifndef HM_BENCH_REQUEST_H
#define HM_BENCH_REQUEST_H

#include "firmware/wire/authenticator.h"
#include "firmware/wire/registration.h"

#define REQUEST_SPI 1000
#define REQUEST_LIFETIME_S 600

/* Who asks whom, for which nodes: `nodes` addresses from `first_addr` on. */
struct request_plan {
    uint32_t home_agent, care_of_addr, first_addr;
    unsigned nodes;
    uint64_t first_ntp; /* identification of the first request; each has the next */
    struct hm_key key;
};

/* Whose request the number i is: first a new node, then one that was registered before, and so on in turn. */
static inline unsigned request_node(const struct request_plan *plan, unsigned i)
{
    unsigned made = i / 2;

    if (i % 2 == 0 && made < plan->nodes)
        return made;
    /* a step that shares no factor with most counts: renewals come in no order of any table */
    return (unsigned)((uint64_t)made * 7919 % (made < plan->nodes ? made + 1 : plan->nodes));
}

static inline struct hm_mac request_mac(uint32_t addr)
{
    return (struct hm_mac){
        {6, 0, (uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8), (uint8_t)addr}};
}

/* Writes the request number i with its authenticator; gives its length. */
static inline size_t request_write(const struct request_plan *plan, unsigned i, uint8_t bytes[HM_MIP_MAX_LEN])
{
    unsigned node = request_node(plan, i);
    struct hm_registration_request request = {.flags = HM_RRQ_T,
                                              .lifetime_s = REQUEST_LIFETIME_S,
                                              .home_addr = plan->first_addr + node,
                                              .home_agent = plan->home_agent,
                                              .care_of_addr = plan->care_of_addr,
                                              .identification = plan->first_ntp + i};
    struct hm_mac mac = request_mac(request.home_addr), agent_mac = {{2, 0, 0, 0, 2, 1}};
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, HM_MIP_MAX_LEN);
    hm_registration_write_request(&writer, &request);
    hm_extension_write_nai(&writer, "bench");
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    hm_extension_write_mac(&writer, &mac);
    hm_extension_write_agent_mac(&writer, &agent_mac);
    hm_extension_write_handover(&writer, 1 + (uint64_t)node, 1);
    hm_extension_write_revocation(&writer, 0, (uint32_t)(request.identification >> 32));
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, REQUEST_SPI, HM_ALGORITHM_HMAC_SHA256, &plan->key);
    return writer.failed ? 0 : writer.len;
}

static inline bool request_is_accepted(const uint8_t *reply, size_t len)
{
    return len >= HM_REPLY_FIXED_LEN && reply[0] == HM_MIP_REPLY && reply[1] == HM_CODE_ACCEPTED;
}

/* Is the reply whole, and its authenticator right? Not for the measured time. */
static inline bool request_reply_is_right(const struct request_plan *plan, const uint8_t *bytes, size_t len)
{
    struct hm_registration_reply reply;

    return hm_registration_decode_reply(bytes, len, &reply) == 0 && reply.ext.fa_ha.count == 1 &&
           reply.ext.fa_ha.spi == REQUEST_SPI && reply.home_agent == plan->home_agent &&
           reply.home_addr - plan->first_addr < plan->nodes && reply.lifetime_s == REQUEST_LIFETIME_S &&
           hm_extension_auth_is_right(&reply.ext.fa_ha, bytes, HM_ALGORITHM_HMAC_SHA256, &plan->key);
}

#endif
