/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: a visitor's DHCP reaches the server of its home, and nobody on the foreign LAN hears of it. */
#include <stdlib.h>

#include "tests/scenario/scenario.h"
#include "tests/unit/rig/dhcp_message.h"

/* The home LAN's server: acknowledges every request, in the way that the test wants; a release needs no
 * answer. */
struct server {
    struct hm_sim_host host;
    bool answers_by_broadcast;
    unsigned requests, releases;
    uint32_t last_src;
};

struct client {
    unsigned answers;
    uint32_t last_src;
    struct hm_dhcp last;
};

/* What is heard of DHCP on a LAN by others than the client. */
struct listener {
    struct hm_sim_tap tap;
    unsigned by_agent_to_all;
    struct hm_sim_port const *agent;
};

static void on_request(void *ctx, uint32_t src, uint16_t src_port, uint16_t dst_port, const uint8_t *bytes,
                       size_t len)
{
    struct server *server = ctx;
    struct hm_dhcp request;
    uint8_t answer[DHCP_MESSAGE_LEN];

    if (src_port != HM_DHCP_CLIENT_PORT || dst_port != HM_DHCP_SERVER_PORT ||
        hm_dhcp_decode(bytes, len, &request) != 0)
        return;
    server->last_src = src;
    server->releases += request.type == HM_DHCP_RELEASE;
    server->requests += request.type != HM_DHCP_RELEASE;
    if (request.type == HM_DHCP_RELEASE)
        return;
    dhcp_message_write(&(struct dhcp_message){.type = HM_DHCP_ACK,
                                              .is_reply = true,
                                              .client_mac = request.client_mac,
                                              .your_addr = HM_SIM_VM_ADDR},
                       answer);
    hm_sim_host_send_udp(&server->host, hm_sim_host_addr(&server->host), HM_DHCP_SERVER_PORT,
                         server->answers_by_broadcast ? UINT32_MAX : HM_SIM_VM_ADDR, HM_DHCP_CLIENT_PORT,
                         answer, sizeof(answer));
}

static void on_answer(void *ctx, uint32_t src, uint16_t src_port, uint16_t dst_port, const uint8_t *bytes,
                      size_t len)
{
    struct client *client = ctx;

    if (src_port != HM_DHCP_SERVER_PORT || dst_port != HM_DHCP_CLIENT_PORT)
        return;
    assert_int_equal(hm_dhcp_decode(bytes, len, &client->last), 0);
    client->answers++;
    client->last_src = src;
}

static void overhear(void *ctx, struct hm_sim_passing *passing)
{
    struct listener *listener = ctx;
    const uint8_t *bytes = passing->bytes;

    listener->by_agent_to_all += passing->from == listener->agent && (bytes[0] & 1) != 0 && bytes[12] == 8 &&
                                 bytes[13] == 0 && bytes[HM_ETHERNET_LEN + 9] == HM_IP_PROTO_UDP;
}

struct dhcp_world {
    struct hm_sim_world *world;
    struct server server;
    struct client client;
    struct listener foreign;
};

static struct dhcp_world *start(const struct hm_sim_world_options *options)
{
    static const struct hm_mac MAC = {{0x02, 0, 0, 1, 0, 67}};
    struct dhcp_world *f = calloc(1, sizeof(*f));
    struct hm_sim_site *home, *abroad;

    assert_non_null(f);
    f->world = scenario_create(options);
    home = &f->world->sites[HM_SIM_A];
    abroad = &f->world->sites[HM_SIM_B];
    hm_sim_host_init(&f->server.host, &f->world->sim, "dhcp", &MAC, home->net + 67, HM_SIM_PREFIX_LEN,
                     home->net + 1);
    hm_sim_host_move(&f->server.host, &home->lan);
    f->server.host.on_udp = on_request;
    f->server.host.ctx = &f->server;
    f->world->vm.on_udp = on_answer;
    f->world->vm.ctx = &f->client;
    f->foreign.agent = &abroad->agent.links[0];
    f->foreign.tap = (struct hm_sim_tap){.see = overhear, .ctx = &f->foreign};
    hm_sim_lan_add_tap(&abroad->lan, &f->foreign.tap);
    return f;
}

static void end(struct dhcp_world *f)
{
    hm_sim_lan_remove_tap(&f->world->sites[HM_SIM_B].lan, &f->foreign.tap);
    hm_sim_world_destroy(f->world);
    free(f);
}

/* The client asks from `src`, and is answered by its home's server; nobody else is. */
static void assert_lease(struct dhcp_world *f, uint32_t src, uint32_t dst, bool answers_by_broadcast)
{
    unsigned requests = f->server.requests, answers = f->client.answers;
    uint8_t request[DHCP_MESSAGE_LEN];

    f->server.answers_by_broadcast = answers_by_broadcast;
    dhcp_message_write(&(struct dhcp_message){.type = HM_DHCP_REQUEST,
                                              .client_mac = f->world->vm.iface.mac,
                                              .client_addr = src},
                       request);
    hm_sim_host_send_udp(&f->world->vm, src, HM_DHCP_CLIENT_PORT, dst, HM_DHCP_SERVER_PORT, request,
                         sizeof(request));
    hm_sim_run_for(&f->world->sim, HM_SIM_S);
    assert_int_equal(f->server.requests, requests + 1);
    assert_int_equal(f->server.last_src, src);
    assert_int_equal(f->client.answers, answers + 1);
    assert_int_equal(f->client.last_src, hm_sim_host_addr(&f->server.host));
    assert_int_equal(f->client.last.your_addr, HM_SIM_VM_ADDR);
    assert_int_equal(f->foreign.by_agent_to_all, 0);
}

static void assert_all_kinds(struct dhcp_world *f)
{
    assert_lease(f, HM_SIM_VM_ADDR, hm_sim_host_addr(&f->server.host), false); /* RENEWING */
    assert_lease(f, HM_SIM_VM_ADDR, UINT32_MAX, false);                        /* REBINDING */
    assert_lease(f, HM_SIM_VM_ADDR, UINT32_MAX, true);
    assert_lease(f, 0, UINT32_MAX, true); /* INIT-REBOOT */
}

static void check_a_visit(const struct hm_sim_world_options *options)
{
    struct dhcp_world *f = start(options);
    const struct hm_sim_lan *home = &f->world->sites[HM_SIM_A].lan;

    assert_all_kinds(f);
    handover(f->world, &f->world->vm, HM_SIM_A, HM_SIM_B);
    assert_all_kinds(f);
    assert_int_equal(counter(f->world, HM_SIM_A, "dhcp-carried"), 5); /* one answer was to its address */
    assert_int_equal(counter(f->world, HM_SIM_B, "dhcp-carried"), 5);
    assert_int_equal(counter(f->world, HM_SIM_A, "drop-dhcp-relay"), 0);
    assert_int_equal(counter(f->world, HM_SIM_B, "drop-dhcp-relay"), 0);
    handover(f->world, &f->world->vm, HM_SIM_B, HM_SIM_A);
    if (f->world->options.takeover == HM_TAKEOVER_MAC)
        assert_int_equal(hm_sim_lan_moves(home, &f->world->vm.iface.mac), 2);
    assert_all_kinds(f);
    assert_int_equal(f->world->vm.iface.conflicts, 0);
    end(f);
}

static void test_l13_l14_l15b_x14_a_visitors_lease_is_renewed_rebound_and_confirmed_at_home(void **state)
{
    (void)state;
    check_a_visit(NULL);
}

static void test_l13_l14_x14_the_same_with_takeover_own(void **state)
{
    (void)state;
    check_a_visit(&(struct hm_sim_world_options){.takeover = HM_TAKEOVER_OWN});
}

static void test_l13_l14_x14_the_same_in_gateway_mode(void **state)
{
    (void)state;
    check_a_visit(&(struct hm_sim_world_options){.gateways = true});
}

static const struct dhcp_message *release(const struct dhcp_world *f, struct dhcp_message *message)
{
    *message = (struct dhcp_message){
        .type = HM_DHCP_RELEASE, .client_mac = f->world->vm.iface.mac, .client_addr = HM_SIM_VM_ADDR};
    return message;
}

/* Somebody on the foreign LAN gives up the VM's lease, in frames as the VM would send them. */
static void forge_release(struct dhcp_world *f)
{
    struct hm_sim_site *site = &f->world->sites[HM_SIM_B];
    uint8_t frame[HM_ETHERNET_LEN + HM_IPV4_LEN + 8 + DHCP_MESSAGE_LEN] = {[12] = 8};
    struct dhcp_message message;

    memcpy(frame, site->agent.config.links[0].mac.b, 6);
    memcpy(frame + 6, f->world->vm.iface.mac.b, 6);
    size_t len = dhcp_message_packet(release(f, &message), HM_SIM_VM_ADDR, hm_sim_host_addr(&f->server.host),
                                     frame + HM_ETHERNET_LEN);
    hm_sim_port_send_bytes(&site->machine.iface.port, frame, HM_ETHERNET_LEN + len);
    hm_sim_run_for(&f->world->sim, HM_SIM_S);
}

static void send_release(struct dhcp_world *f, uint32_t dst)
{
    uint8_t bytes[DHCP_MESSAGE_LEN];
    struct dhcp_message message;

    dhcp_message_write(release(f, &message), bytes);
    hm_sim_host_send_udp(&f->world->vm, HM_SIM_VM_ADDR, HM_DHCP_CLIENT_PORT, dst, HM_DHCP_SERVER_PORT, bytes,
                         sizeof(bytes));
    hm_sim_run_for(&f->world->sim, HM_SIM_S);
}

/* Row X14b, which does not apply: a frame can be forged, and the hypervisor says when a VM goes. The lease is
 * the server's business, the visit is not. */
static void test_x14_a_release_is_carried_home_and_ends_no_visit(void **state)
{
    struct dhcp_world *f = start(NULL);
    struct tables before;

    (void)state;
    handover(f->world, &f->world->vm, HM_SIM_A, HM_SIM_B);
    tables_read(&before, f->world);
    forge_release(f);
    assert_int_equal(f->server.releases, 1);
    send_release(f, hm_sim_host_addr(&f->server.host)); /* as RFC 2131 section 4.4.6 has it */
    assert_int_equal(f->server.releases, 2);
    send_release(f, UINT32_MAX);
    assert_int_equal(f->server.releases, 3);
    assert_int_equal(f->server.last_src, HM_SIM_VM_ADDR);
    assert_tables_unchanged(f->world, &before);
    assert_states(f->world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(f->world, &f->world->correspondent, HM_SIM_VM_ADDR);
    end(f);
}

/* The foreign LAN's server: it takes every client for one of its own, at the wrong address. */
struct refuser {
    struct hm_sim_host host;
    unsigned heard;
};

static void on_foreign_request(void *ctx, uint32_t src, uint16_t src_port, uint16_t dst_port,
                               const uint8_t *bytes, size_t len)
{
    struct refuser *refuser = ctx;
    struct hm_dhcp request;
    uint8_t answer[DHCP_MESSAGE_LEN];

    (void)src;
    if (src_port != HM_DHCP_CLIENT_PORT || dst_port != HM_DHCP_SERVER_PORT ||
        hm_dhcp_decode(bytes, len, &request) != 0)
        return;
    refuser->heard++;
    dhcp_message_write(
        &(struct dhcp_message){.type = HM_DHCP_NAK, .is_reply = true, .client_mac = request.client_mac},
        answer);
    hm_sim_host_send_udp(&refuser->host, hm_sim_host_addr(&refuser->host), HM_DHCP_SERVER_PORT, UINT32_MAX,
                         HM_DHCP_CLIENT_PORT, answer, sizeof(answer));
}

static void refuser_start(struct refuser *refuser, struct hm_sim_world *world)
{
    static const struct hm_mac MAC = {{0x02, 0, 0, 2, 0, 67}};
    const struct hm_sim_site *site = &world->sites[HM_SIM_B];

    hm_sim_host_init(&refuser->host, &world->sim, "foreign dhcp", &MAC, site->net + 67, HM_SIM_PREFIX_LEN,
                     site->net + 1);
    hm_sim_host_move(&refuser->host, &world->sites[HM_SIM_B].lan);
    refuser->host.on_udp = on_foreign_request;
    refuser->host.ctx = refuser;
}

/* As a hypervisor does it: the VM lands on a port that is shielded already. */
static void land_shielded(struct hm_sim_world *world)
{
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    struct hm_control_message shield = hm_sim_about(HM_OP_SHIELD, &world->vm);

    shield.macs[shield.mac_count++] = world->vm.iface.mac;
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &shield), HM_CONTROL_OK);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_host_pause(&world->vm);
    hm_sim_run_for(&world->sim, SCENARIO_PAUSE_US);
    world->vm.iface.port.shield = &site->agent.config.links[0].mac;
    hm_sim_host_move(&world->vm, &site->lan);
    hm_sim_host_resume(&world->vm);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_l13_l14_a_foreign_server_that_would_refuse_never_hears_a_shielded_visitor(void **state)
{
    struct dhcp_world *f = start(NULL);
    struct hm_sim_host *local = &f->world->sites[HM_SIM_B].neighbour;
    struct refuser refuser = {.heard = 0};
    uint8_t request[DHCP_MESSAGE_LEN];

    (void)state;
    refuser_start(&refuser, f->world);
    land_shielded(f->world);
    assert_all_kinds(f);
    assert_int_equal(refuser.heard, 0);
    assert_int_equal(f->client.last.type, HM_DHCP_ACK);
    dhcp_message_write(&(struct dhcp_message){.type = HM_DHCP_REQUEST, .client_mac = local->iface.mac},
                       request);
    hm_sim_host_send_udp(local, hm_sim_host_addr(local), HM_DHCP_CLIENT_PORT, UINT32_MAX, HM_DHCP_SERVER_PORT,
                         request, sizeof(request));
    hm_sim_run_for(&f->world->sim, HM_SIM_S);
    assert_int_equal(refuser.heard, 1); /* it does listen, and its refusal is not for the visitor */
    assert_int_equal(f->client.last.type, HM_DHCP_ACK);
    assert_int_equal(f->world->vm.iface.conflicts, 0);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_l13_l14_l15b_x14_a_visitors_lease_is_renewed_rebound_and_confirmed_at_home),
        cmocka_unit_test(test_l13_l14_a_foreign_server_that_would_refuse_never_hears_a_shielded_visitor),
        cmocka_unit_test(test_l13_l14_x14_the_same_with_takeover_own),
        cmocka_unit_test(test_l13_l14_x14_the_same_in_gateway_mode),
        cmocka_unit_test(test_x14_a_release_is_carried_home_and_ends_no_visit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
