/* SPDX-License-Identifier: BSD-3-Clause */
/* The client of QEMU's monitor against a monitor that is played here, by the other end of a socket pair. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/qmp.h"
#include "platform/linux/rx_filter.h"
#include "platform/linux/watch_nic.h"
#include "tests/unit/unit.h"

static struct {
    struct hm_qmp qmp;
    int monitor;
    unsigned events;
    char last_event[64];
    char last_status[64];
    uint64_t last_us;
} rig;

static void on_event(void *ctx, const char *name, const json_t *data, uint64_t unix_us)
{
    const char *status = json_string_value(json_object_get(data, "status"));

    assert_ptr_equal(ctx, &rig);
    rig.events++;
    snprintf(rig.last_event, sizeof(rig.last_event), "%s", name);
    snprintf(rig.last_status, sizeof(rig.last_status), "%s", status != NULL ? status : "");
    rig.last_us = unix_us;
}

static int set_up(void **state)
{
    int ends[2];

    (void)state;
    memset(&rig, 0, sizeof(rig));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    rig.monitor = ends[1];
    assert_true(hm_qmp_init(&rig.qmp, ends[0], on_event, &rig));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hm_qmp_close(&rig.qmp);
    close(rig.monitor);
    return 0;
}

static void say(const char *text)
{
    assert_int_equal(write(rig.monitor, text, strlen(text)), strlen(text));
}

static void test_reply_finds_its_command_and_events_come_between(void **state)
{
    struct hm_qmp_reply *first, *second;
    char text[256] = {0};

    (void)state;
    say("{\"QMP\": {\"version\": {}}}\r\n");
    first = hm_qmp_command(&rig.qmp, "query-status", NULL);
    second = hm_qmp_command(&rig.qmp, "qom-get", json_pack("{s:s}", "path", "/a"));
    assert_true(read(rig.monitor, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "{\"execute\":\"query-status\",\"id\":1}\n"));
    assert_non_null(strstr(text, "{\"execute\":\"qom-get\",\"id\":2,\"arguments\":{\"path\":\"/a\"}}\n"));
    say("{\"return\": 7, \"id\": 2}\n{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}, "
        "\"timestamp\": {\"seconds\": 12, \"microseconds\": 34}}\n{\"return\"");
    assert_true(hm_qmp_work(&rig.qmp));
    assert_true(second->is_over && json_integer_value(second->value) == 7);
    assert_false(first->is_over);
    assert_string_equal(rig.last_status, "active");
    assert_int_equal(rig.last_us, 12000034);
    say(": {\"status\": \"running\"}, \"id\": 1}\n");
    assert_true(hm_qmp_work(&rig.qmp));
    assert_true(first->is_over);
    hm_qmp_end(first);
    hm_qmp_end(second);
}

static void test_refusal_has_its_reason(void **state)
{
    struct hm_qmp_reply *reply = hm_qmp_command(&rig.qmp, "cont", NULL);

    (void)state;
    say("{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\n");
    assert_true(hm_qmp_work(&rig.qmp));
    assert_true(reply->is_over && reply->value == NULL);
    assert_string_equal(reply->error, "not now");
}

static void test_what_is_no_message_is_skipped(void **state)
{
    struct hm_qmp_reply *reply = hm_qmp_command(&rig.qmp, "stop", NULL);

    (void)state;
    say("\n[]\n7\n{\"return\": {}}\n{\"return\": {}, \"id\": 9}\n{\"return\": {}, \"id\": \"1\"}\n{\"a\n"
        "{\"event\": 3}\n{\"event\": \"STOP\", \"timestamp\": {\"seconds\": -1, \"microseconds\": 0}}\n");
    assert_true(hm_qmp_work(&rig.qmp));
    assert_false(reply->is_over);
    assert_int_equal(rig.events, 0);
}

static void test_every_split_of_a_message_is_the_same(void **state)
{
    static const char MESSAGE[] =
        "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\n";

    (void)state;
    for (size_t split = 1; split < sizeof(MESSAGE) - 1; split++) {
        assert_int_equal(write(rig.monitor, MESSAGE, split), split);
        assert_true(hm_qmp_work(&rig.qmp));
        assert_int_equal(rig.events, split - 1);
        assert_int_equal(write(rig.monitor, MESSAGE + split, sizeof(MESSAGE) - 1 - split),
                         sizeof(MESSAGE) - 1 - split);
        assert_true(hm_qmp_work(&rig.qmp));
        assert_int_equal(rig.events, split);
    }
}

static void test_monitor_that_goes_ends_what_waits(void **state)
{
    struct hm_qmp_reply *reply = hm_qmp_command(&rig.qmp, "stop", NULL), *later;

    (void)state;
    close(rig.monitor);
    assert_false(hm_qmp_work(&rig.qmp));
    assert_true(reply->is_over && reply->value == NULL);
    later = hm_qmp_command(&rig.qmp, "stop", NULL);
    assert_true(later->is_over && later->value == NULL);
    rig.monitor = -1;
}

static void test_line_without_end_ends_the_connection(void **state)
{
    static char junk[65536];
    bool is_there = true;

    (void)state;
    memset(junk, 'x', sizeof(junk));
    for (unsigned i = 0; i < 2 * HM_QMP_MAX_LINE / sizeof(junk) && is_there; i++) {
        assert_true(send(rig.monitor, junk, sizeof(junk), MSG_NOSIGNAL | MSG_DONTWAIT) != 0);
        is_there = hm_qmp_work(&rig.qmp);
    }
    assert_false(is_there);
}

/* ---- what is read from its answers ---- */

static void test_nic_behind_a_tap_is_found_by_name(void **state)
{
    static const char INFO[] = "e1000.0: index=0,type=nic,model=e1000,macaddr=52:54:00:00:00:01\r\n"
                               " \\ n1: index=0,type=tap,ifname=tap10,script=no\r\n"
                               "virtio-net-pci.0: index=0,type=nic,macaddr=52:54:00:00:00:02\r\n"
                               " \\ n0: index=0,type=tap,ifname=tap1,script=no\r\n"
                               "n9: index=0,type=tap,ifname=tap9\r\n";
    struct hm_mac mac;
    char text[HM_MAC_TEXT_LEN];

    (void)state;
    assert_true(hm_watch_nic_parse(INFO, "tap1", &mac));
    assert_string_equal(hm_mac_text(&mac, text), "52:54:00:00:00:02");
    assert_true(hm_watch_nic_parse(INFO, "tap10", &mac));
    assert_string_equal(hm_mac_text(&mac, text), "52:54:00:00:00:01");
    assert_false(hm_watch_nic_parse(INFO, "tap9", &mac));
    assert_false(hm_watch_nic_parse(INFO, "tap", &mac));
    assert_false(hm_watch_nic_parse("", "tap1", &mac));
}

static enum hm_cut_kind classify(const struct hm_rx_filter *filter, const char *dst, size_t len)
{
    struct hm_mac mac;

    assert_true(hm_mac_parse(dst, &mac));
    return hm_rx_filter_classify(filter, &mac, len, 1518);
}

static void test_filter_says_what_the_guest_gets(void **state)
{
    struct hm_rx_filter filter;
    struct hm_mac mac;
    json_t *answer =
        json_loads("[{\"main-mac\": \"52:54:00:00:00:01\"}, {\"main-mac\": \"52:54:00:00:00:02\","
                   "\"promiscuous\": false, \"broadcast-allowed\": true, \"unicast\": \"normal\","
                   "\"multicast\": \"normal\", \"unicast-table\": [\"52:54:00:00:00:07\"],"
                   "\"multicast-table\": [\"01:00:5e:00:00:01\", 3, \"x\"], \"multicast-overflow\": false}]",
                   0, NULL);

    (void)state;
    assert_true(hm_mac_parse("52:54:00:00:00:02", &mac));
    hm_rx_filter_init(&filter, &mac);
    assert_int_equal(classify(&filter, "01:00:5e:00:00:01", 60), HM_CUT_UNCLEAR);
    assert_true(hm_rx_filter_read(&filter, answer));
    assert_int_equal(classify(&filter, "52:54:00:00:00:02", 1514), HM_CUT_COUNTS);
    assert_int_equal(classify(&filter, "52:54:00:00:00:02", 1519), HM_CUT_UNCLEAR);
    assert_int_equal(classify(&filter, "52:54:00:00:00:07", 60), HM_CUT_COUNTS);
    assert_int_equal(classify(&filter, "52:54:00:00:00:01", 9000), HM_CUT_FOREIGN);
    assert_int_equal(classify(&filter, "ff:ff:ff:ff:ff:ff", 60), HM_CUT_COUNTS);
    assert_int_equal(classify(&filter, "01:00:5e:00:00:01", 60), HM_CUT_COUNTS);
    assert_int_equal(classify(&filter, "01:00:5e:00:00:02", 60), HM_CUT_FOREIGN);
    filter.is_promiscuous = true;
    assert_int_equal(classify(&filter, "52:54:00:00:00:01", 60), HM_CUT_COUNTS);
    assert_false(hm_rx_filter_read(&filter, NULL));
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reply_finds_its_command_and_events_come_between, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_refusal_has_its_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_message_is_skipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_split_of_a_message_is_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_monitor_that_goes_ends_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_line_without_end_ends_the_connection, set_up, tear_down),
        cmocka_unit_test(test_nic_behind_a_tap_is_found_by_name),
        cmocka_unit_test(test_filter_says_what_the_guest_gets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
