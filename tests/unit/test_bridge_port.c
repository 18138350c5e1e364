/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of bridge_port: what is found in the kernel's answer about the ports of bridges. */
#include "platform/linux/bridge_port.h"

#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/unit.h"

#define OURS 7
#define ANOTHERS 8

/* An answer, as long as it is so far. */
struct answer {
    _Alignas(struct nlmsghdr) char bytes[1024];
    size_t len;
    size_t message_at;
};

static void begin_message(struct answer *answer, uint16_t type, int ifindex)
{
    struct nlmsghdr header = {.nlmsg_type = type};
    struct ifinfomsg link = {.ifi_family = PF_BRIDGE, .ifi_index = ifindex};

    answer->message_at = answer->len;
    memcpy(answer->bytes + answer->len, &header, sizeof(header));
    memcpy(answer->bytes + answer->len + NLMSG_HDRLEN, &link, sizeof(link));
    answer->len += NLMSG_SPACE(sizeof(link));
}

static void end_message(struct answer *answer)
{
    uint32_t len = (uint32_t)(answer->len - answer->message_at);

    memcpy(answer->bytes + answer->message_at, &len, sizeof(len));
}

/* Gives where the attribute is, for end_nest. */
static size_t add(struct answer *answer, unsigned type, const void *value, size_t len)
{
    struct rtattr attribute = {.rta_type = (uint16_t)type, .rta_len = (uint16_t)RTA_LENGTH(len)};
    size_t at = answer->len;

    memcpy(answer->bytes + at, &attribute, sizeof(attribute));
    if (len > 0)
        memcpy(answer->bytes + at + RTA_LENGTH(0), value, len);
    answer->len += RTA_SPACE(len);
    return at;
}

static void end_nest(struct answer *answer, size_t at)
{
    uint16_t len = (uint16_t)(answer->len - at);

    memcpy(answer->bytes + at, &len, sizeof(len));
}

static void add_switch(struct answer *answer, unsigned type, uint8_t value)
{
    add(answer, type, &value, sizeof(value));
}

static void add_vlan(struct answer *answer, uint16_t vid, uint16_t flags)
{
    struct bridge_vlan_info vlan = {.vid = vid, .flags = flags};

    add(answer, IFLA_BRIDGE_VLAN_INFO, &vlan, sizeof(vlan));
}

/* A port with one switch and up to two VLANs; vid 0: none. */
static void add_port(struct answer *answer, int ifindex, uint8_t isolated, uint16_t vid, uint16_t flags,
                     uint16_t other_vid)
{
    size_t nest;

    begin_message(answer, RTM_NEWLINK, ifindex);
    nest = add(answer, IFLA_PROTINFO | NLA_F_NESTED, NULL, 0);
    add_switch(answer, IFLA_BRPORT_LEARNING, 1);
    add_switch(answer, IFLA_BRPORT_ISOLATED, isolated);
    end_nest(answer, nest);
    nest = add(answer, IFLA_AF_SPEC, NULL, 0);
    if (vid != 0)
        add_vlan(answer, vid, flags);
    if (other_vid != 0)
        add_vlan(answer, other_vid, 0);
    end_nest(answer, nest);
    end_message(answer);
}

static void test_a_port_is_found_among_others(void **state)
{
    struct answer answer = {0};
    struct hm_bridge_port port = {0};
    bool is_over;

    (void)state;
    add_port(&answer, ANOTHERS, 0, 1, BRIDGE_VLAN_INFO_PVID, 0);
    add_port(&answer, OURS, 1, 20, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 0);
    begin_message(&answer, NLMSG_DONE, 0);
    end_message(&answer);
    assert_true(hm_bridge_port_parse(answer.bytes, answer.len, OURS, &port, &is_over));
    assert_true(is_over);
    assert_true(port.has[IFLA_BRPORT_ISOLATED] && port.is_on[IFLA_BRPORT_ISOLATED]);
    assert_true(port.has[IFLA_BRPORT_LEARNING] && port.is_on[IFLA_BRPORT_LEARNING]);
    assert_false(port.has[IFLA_BRPORT_LOCKED]);
    assert_int_equal(port.pvid, 20);
    assert_true(port.is_pvid_untagged);
    assert_int_equal(port.others, 0);
}

static void test_tags_and_further_vlans_are_seen(void **state)
{
    struct answer answer = {0};
    struct hm_bridge_port port = {0};
    bool is_over;

    (void)state;
    add_port(&answer, OURS, 0, 20, BRIDGE_VLAN_INFO_PVID, 30);
    assert_true(hm_bridge_port_parse(answer.bytes, answer.len, OURS, &port, &is_over));
    assert_false(is_over);
    assert_int_equal(port.pvid, 20);
    assert_false(port.is_pvid_untagged);
    assert_int_equal(port.others, 1);
}

static void test_a_port_without_a_vlan_of_its_own(void **state)
{
    struct answer answer = {0};
    struct hm_bridge_port port = {0};
    bool is_over;

    (void)state;
    add_port(&answer, OURS, 0, 0, 0, 30);
    assert_true(hm_bridge_port_parse(answer.bytes, answer.len, OURS, &port, &is_over));
    assert_int_equal(port.pvid, 0);
    assert_int_equal(port.others, 1);
}

static void test_what_is_no_port_is_not_found(void **state)
{
    struct answer answer = {0};
    struct hm_bridge_port port = {0};
    bool is_over;

    (void)state;
    add_port(&answer, ANOTHERS, 0, 1, BRIDGE_VLAN_INFO_PVID, 0);
    assert_false(hm_bridge_port_parse(answer.bytes, answer.len, OURS, &port, &is_over));
    for (size_t len = 0; len < answer.len; len++) { /* and a cut answer is not read beyond its end */
        uint8_t *cut = malloc(len > 0 ? len : 1);
        assert_non_null(cut);
        memcpy(cut, answer.bytes, len);
        assert_false(hm_bridge_port_parse(cut, len, ANOTHERS, &port, &is_over));
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_port_is_found_among_others),
        cmocka_unit_test(test_tags_and_further_vlans_are_seen),
        cmocka_unit_test(test_a_port_without_a_vlan_of_its_own),
        cmocka_unit_test(test_what_is_no_port_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
