/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the guest's receive filter, as virtio-net applies it (QEMU: receive_filter in hw/net/virtio-net.c).
 *
 * VLAN filters are not looked at: a tagged frame is never captured whole, and counts as unclear. */
#include "platform/linux/rx_filter.h"

#include <string.h>

void hm_rx_filter_init(struct hm_rx_filter *filter, const struct hm_mac *mac)
{
    *filter = (struct hm_rx_filter){.mac = *mac};
}

static enum hm_rx_filter_rule read_rule(const json_t *text)
{
    const char *word = json_string_value(text);

    if (word != NULL && strcmp(word, "none") == 0)
        return HM_RX_NONE;
    return word != NULL && strcmp(word, "all") == 0 ? HM_RX_ALL : HM_RX_NORMAL;
}

/* A table that has overflowed lets all in. */
static void read_table(struct hm_rx_filter_table *table, const json_t *rule, const json_t *macs,
                       const json_t *overflow)
{
    *table = (struct hm_rx_filter_table){.rule = read_rule(rule)};
    if (json_is_true(overflow) || json_array_size(macs) > HM_RX_FILTER_MACS)
        table->rule = HM_RX_ALL;
    for (size_t i = 0; i < json_array_size(macs) && table->count < HM_RX_FILTER_MACS; i++) {
        const char *text = json_string_value(json_array_get(macs, i));

        if (text != NULL && hm_mac_parse(text, &table->macs[table->count]))
            table->count++;
    }
}

bool hm_rx_filter_read(struct hm_rx_filter *filter, const json_t *answer)
{
    for (size_t i = 0; i < json_array_size(answer); i++) {
        const json_t *entry = json_array_get(answer, i);
        const char *text = json_string_value(json_object_get(entry, "main-mac"));
        struct hm_mac mac;

        if (text == NULL || !hm_mac_parse(text, &mac) || !hm_mac_equal(&mac, &filter->mac))
            continue;
        filter->is_known = true;
        filter->is_promiscuous = json_is_true(json_object_get(entry, "promiscuous"));
        filter->no_broadcast = json_is_false(json_object_get(entry, "broadcast-allowed"));
        read_table(&filter->unicast, json_object_get(entry, "unicast"),
                   json_object_get(entry, "unicast-table"), json_object_get(entry, "unicast-overflow"));
        read_table(&filter->multicast, json_object_get(entry, "multicast"),
                   json_object_get(entry, "multicast-table"), json_object_get(entry, "multicast-overflow"));
        return true;
    }
    return false;
}

static bool is_let_in(const struct hm_rx_filter_table *table, const struct hm_mac *dst)
{
    if (table->rule != HM_RX_NORMAL)
        return table->rule == HM_RX_ALL;
    for (unsigned i = 0; i < table->count; i++) {
        if (hm_mac_equal(&table->macs[i], dst))
            return true;
    }
    return false;
}

enum hm_cut_kind hm_rx_filter_classify(const struct hm_rx_filter *filter, const struct hm_mac *dst,
                                       size_t len, size_t max_len)
{
    bool is_in;

    if (hm_mac_equal(dst, &HM_MAC_BROADCAST))
        is_in = !filter->no_broadcast || filter->is_promiscuous;
    else if (!filter->is_known && hm_mac_is_group(dst))
        return HM_CUT_UNCLEAR;
    else if (filter->is_promiscuous)
        is_in = true;
    else if (hm_mac_is_group(dst))
        is_in = is_let_in(&filter->multicast, dst);
    else /* the device's own address is let in unless it takes no unicast at all */
        is_in = filter->unicast.rule != HM_RX_NONE &&
                (hm_mac_equal(dst, &filter->mac) || is_let_in(&filter->unicast, dst));
    if (!is_in)
        return HM_CUT_FOREIGN;
    return len > max_len ? HM_CUT_UNCLEAR : HM_CUT_COUNTS;
}
