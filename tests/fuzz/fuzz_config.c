/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a configuration file: either faults or a configuration that holds what the router relies on.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "firmware/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_router(const struct hm_router_config *router)
{
    assert(router->name[0] != '\0' && memchr(router->name, '\0', sizeof(router->name)) != NULL);
    assert(router->link_count >= 1 && router->link_count <= HM_MAX_LINKS);
    assert(router->links[0].role == HM_LINK_LAN);
    assert(router->route_count <= HM_MAX_ROUTES && router->host_count <= HM_MAX_HOSTS);
    assert(router->home_router != 0);
    for (unsigned i = 0; i < router->link_count; i++) {
        assert(!hm_mac_is_zero(&router->links[i].mac) && !hm_mac_is_group(&router->links[i].mac));
        assert(router->links[i].mtu >= 576 && router->links[i].addr != 0);
    }
    for (unsigned i = 0; i < router->route_count; i++)
        assert(router->routes[i].link < router->link_count && router->routes[i].gateway != 0);
    for (unsigned i = 0; i < router->peer_count; i++)
        assert(router->peers[i].spi >= HM_SPI_MIN && router->peers[i].host_count <= HM_MAX_HOSTS);
    for (unsigned i = 0; i < router->hypervisor_count; i++)
        assert(router->hypervisors[i].key_id >= HM_SPI_MIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hm_config config;
    static struct hm_faults faults;
    static FILE *nowhere;
    struct hm_notify_config notify;
    int err;

    if (nowhere == NULL && (nowhere = fopen("/dev/null", "w")) == NULL)
        return 0;
    hm_faults_init(&faults, "fuzz");
    err = hm_config_parse("fuzz", (const char *)data, size, HM_CONFIG_SKIP_KEY_FILES, &config, &faults);
    assert((err == 0) == (faults.faults == 0));
    if (err == 0)
        check_router(&config.router);
    hm_config_fini(&config);
    hm_faults_print(&faults, nowhere);
    hm_faults_fini(&faults);

    hm_faults_init(&faults, "fuzz");
    err =
        hm_notify_config_parse("fuzz", (const char *)data, size, HM_CONFIG_SKIP_KEY_FILES, &notify, &faults);
    assert((err == 0) == (faults.faults == 0));
    hm_faults_fini(&faults);
    return 0;
}
