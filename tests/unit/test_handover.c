/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of agent/handover, agent/source and agent/destination: one agent, its hypervisor and its peers
 * played by the test, one rule each. */
#include "firmware/agent/handover.h"

#include "tests/unit/rig/control_rig.h"

static int setup(void **state)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    control_rig_start(f);
    *state = f;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, path_rig_teardown)

static const struct hm_handover *newest(struct path_rig *f)
{
    return f->agent.handovers.newest;
}

static const struct hm_visitor *guest(struct path_rig *f)
{
    return hm_visitor_by_home(&f->agent.foreign.visitors, RIG_PEER_B, RIG_GUEST);
}

/* --- the state machine -------------------------------------------------------------------------------- */

static void test_every_state_and_event_leads_where_the_table_says(void **state)
{
#define S(x) HM_HANDOVER_##x
    static const enum hm_handover_state TABLE[HM_HANDOVER_STATE_COUNT][HM_HANDOVER_EVENT_COUNT] = {
        /*                STAGED        STOP          LAND           FINISH         CANCEL        FAIL */
        [S(PREPARING)] = {S(PREPARED), S(STOPPED), S(FORWARDING), S(PREPARING), S(CANCELLED), S(FAILED)},
        [S(PREPARED)] = {S(PREPARED), S(STOPPED), S(FORWARDING), S(PREPARED), S(CANCELLED), S(FAILED)},
        [S(STOPPED)] = {S(STOPPED), S(STOPPED), S(FORWARDING), S(STOPPED), S(CANCELLED), S(FAILED)},
        [S(FORWARDING)] = {S(FORWARDING), S(FORWARDING), S(FORWARDING), S(DONE), S(FORWARDING), S(FAILED)},
        [S(DONE)] = {S(DONE), S(DONE), S(DONE), S(DONE), S(DONE), S(DONE)},
        [S(CANCELLED)] = {S(CANCELLED), S(CANCELLED), S(FORWARDING), S(CANCELLED), S(CANCELLED),
                          S(CANCELLED)},
        [S(FAILED)] = {S(FAILED), S(FAILED), S(FORWARDING), S(FAILED), S(FAILED), S(FAILED)},
    };
#undef S
    (void)state;
    for (unsigned from = 0; from < HM_HANDOVER_STATE_COUNT; from++)
        for (unsigned event = 0; event < HM_HANDOVER_EVENT_COUNT; event++)
            if (hm_handover_next(from, event) != TABLE[from][event])
                fail_msg("%s, event %u: %s", hm_handover_state_name(from), event,
                         hm_handover_state_name(hm_handover_next(from, event)));
}

/* --- at the source ------------------------------------------------------------------------------------ */

static struct hm_control_message imminent(void)
{
    struct hm_control_message message = {.op = HM_OP_IMMINENT, .addr_count = 1};

    message.addrs[0] = RIG_VM;
    snprintf(message.host, sizeof(message.host), "hv-b1");
    return message;
}

static struct hm_control_message about(enum hm_control_op op)
{
    struct hm_control_message message = {.op = op, .addr_count = 1};

    message.addrs[0] = RIG_VM;
    return message;
}

/* The VM is at home, B is asked to prepare. */
static struct hm_control_message begin_at_source(struct path_rig *f)
{
    struct hm_control_message prepare;

    hm_neighbour_learn(&f->neighbours, 0, RIG_VM, &RIG_VM_MAC);
    control_rig_ask(f, 0, imminent());
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_PREPARE, &prepare));
    return prepare;
}

static void test_imminent_is_answered_when_the_destination_is_ready(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = begin_at_source(f);

    assert_int_equal(prepare.node_count, 1);
    assert_int_equal(prepare.nodes[0].home_addr, RIG_VM);
    assert_memory_equal(&prepare.nodes[0].mac, &RIG_VM_MAC, 6);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), -1);
    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), HM_CONTROL_OK);
    assert_int_equal(newest(f)->state, HM_HANDOVER_PREPARED);
}

static void test_a_silent_destination_is_told_in_time_and_told_off(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message abort;

    begin_at_source(f);
    path_rig_pass_ms(f, 4900);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), -1);
    path_rig_pass_ms(f, 200);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), HM_CONTROL_UNREACHABLE);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_ABORT, &abort));
    assert_int_equal(newest(f)->state, HM_HANDOVER_FAILED);
}

static void test_a_refusal_of_the_destination_reaches_the_hypervisor(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = begin_at_source(f);

    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_REFUSED);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), HM_CONTROL_REFUSED);
    assert_int_equal(newest(f)->state, HM_HANDOVER_FAILED);
}

static void test_a_key_that_may_not_move_the_address_is_refused_before_anybody_is_asked(void **state)
{
    struct path_rig *f = *state;

    hm_neighbour_learn(&f->neighbours, 0, RIG_VM, &RIG_VM_MAC);
    control_rig_ask(f, 1, imminent());
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), HM_CONTROL_REFUSED);
    assert_null(newest(f));
}

static void test_a_dry_run_leaves_no_record(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message message = imminent(), prepare;

    message.dry_run = true;
    hm_neighbour_learn(&f->neighbours, 0, RIG_VM, &RIG_VM_MAC);
    control_rig_ask(f, 0, message);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_PREPARE, &prepare));
    assert_true(prepare.dry_run);
    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), HM_CONTROL_OK);
    assert_null(newest(f));
}

/* The request to prepare was lost at first and overtaken by the cancel: what its repetition has staged at the
 * destination must go again. */
static void test_a_destination_that_prepares_after_the_cancel_is_told_off_again(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = begin_at_source(f), abort = {0};

    control_rig_ask(f, 0, about(HM_OP_CANCEL));
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_ABORT, &abort));
    control_rig_reply(f, RIG_PEER_B, &abort, HM_CONTROL_OK);
    assert_int_equal(control_rig_answer(f, HM_OP_CANCEL), HM_CONTROL_OK);
    rig_forget_frames(&f->rig);
    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), HM_CONTROL_REFUSED);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_ABORT, &abort));
    assert_int_equal(abort.handover_id, prepare.handover_id);
}

/* The word that it has landed may overtake the word that all is ready. */
static void test_a_landing_that_overtakes_the_staging_is_a_success(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = begin_at_source(f);

    control_rig_say(f, RIG_PEER_B,
                    (struct hm_control_message){.kind = HM_CONTROL_REQUEST,
                                                .op = HM_OP_ARRIVED,
                                                .handover_id = prepare.handover_id,
                                                .epoch = prepare.epoch});
    assert_int_equal(newest(f)->state, HM_HANDOVER_DONE);
    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    assert_int_equal(control_rig_answer(f, HM_OP_IMMINENT), HM_CONTROL_OK);
}

static void test_only_the_destination_may_say_that_it_has_landed(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = begin_at_source(f);

    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    control_rig_say(f, RIG_PEER_C,
                    (struct hm_control_message){.kind = HM_CONTROL_REQUEST,
                                                .op = HM_OP_ARRIVED,
                                                .handover_id = prepare.handover_id,
                                                .epoch = prepare.epoch});
    assert_int_equal(newest(f)->state, HM_HANDOVER_PREPARED);
}

static void test_a_newer_handover_of_the_same_vm_cancels_the_older(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message first = begin_at_source(f), second, abort, message = imminent();

    control_rig_reply(f, RIG_PEER_B, &first, HM_CONTROL_OK);
    rig_forget_frames(&f->rig);
    snprintf(message.host, sizeof(message.host), "hv-c1");
    control_rig_ask(f, 0, message);
    assert_true(control_rig_sent(f, RIG_PEER_C, HM_CONTROL_REQUEST, HM_OP_PREPARE, &second));
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_ABORT, &abort));
    assert_int_equal(abort.handover_id, first.handover_id);
    assert_true(second.handover_id != first.handover_id);
    assert_int_equal(newest(f)->older->state, HM_HANDOVER_CANCELLED);
}

/* Two handovers of one second: whoever compares them must see which one is newer. */
static void test_each_handover_of_a_vm_has_a_newer_epoch(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message first = begin_at_source(f), second, message = imminent();

    control_rig_reply(f, RIG_PEER_B, &first, HM_CONTROL_OK);
    rig_forget_frames(&f->rig);
    snprintf(message.host, sizeof(message.host), "hv-c1");
    control_rig_ask(f, 0, message);
    assert_true(control_rig_sent(f, RIG_PEER_C, HM_CONTROL_REQUEST, HM_OP_PREPARE, &second));
    assert_true((int32_t)(second.epoch - first.epoch) > 0);
}

static void test_a_staged_handover_that_never_lands_ends_here_and_by_its_own_clock_there(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = begin_at_source(f), abort = {0};

    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    path_rig_pass_ms(f, 61000);
    assert_int_equal(newest(f)->state, HM_HANDOVER_CANCELLED);
    assert_false(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_ABORT, &abort));
}

static void test_what_has_landed_cannot_be_cancelled(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = begin_at_source(f);

    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    control_rig_say(f, RIG_PEER_B,
                    (struct hm_control_message){
                        .kind = HM_CONTROL_REQUEST, .op = HM_OP_ARRIVED, .handover_id = prepare.handover_id});
    control_rig_ask(f, 0, about(HM_OP_CANCEL));
    assert_int_equal(control_rig_answer(f, HM_OP_CANCEL), HM_CONTROL_REFUSED);
}

/* --- at the destination ------------------------------------------------------------------------------- */

/* B's node is announced and staged with its home agent. */
static void stage_guest(struct path_rig *f, uint64_t id, uint32_t epoch)
{
    struct hm_registration_request request = {0};
    struct hm_control_message answer;

    control_rig_say(f, RIG_PEER_B, control_rig_prepare(id, epoch));
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    control_rig_register(f, RIG_PEER_B, &request, 0);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer));
    assert_int_equal(answer.code, HM_CONTROL_OK);
    rig_forget_frames(&f->rig);
}

static void register_guest(struct path_rig *f)
{
    struct hm_registration_request request = {0};

    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    assert_true(request.lifetime_s > 0);
    control_rig_register(f, RIG_PEER_B, &request, 0);
    rig_forget_frames(&f->rig);
}

static void land_guest(struct path_rig *f)
{
    stage_guest(f, 1, 10);
    control_rig_show(f, &RIG_GUEST_MAC);
    register_guest(f);
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
    assert_int_equal(newest(f)->state, HM_HANDOVER_DONE);
}

static void test_the_first_frame_lands_the_visitor_registers_it_and_tells_the_source(void **state)
{
    struct path_rig *f = *state;
    struct hm_registration_request request = {0};
    struct hm_control_message arrived;

    stage_guest(f, 1, 10);
    assert_int_equal(guest(f)->state, HM_VISITOR_EXPECTED);
    control_rig_show(f, &RIG_GUEST_MAC);
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    assert_false(request.ext.has_hold);
    assert_true(request.ext.has_handover);
    assert_int_equal(request.lifetime_s, 300);
    assert_int_equal(request.care_of_addr, RIG_AGENT);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_ARRIVED, &arrived));
    assert_int_equal(arrived.handover_id, 1);
    control_rig_register(f, RIG_PEER_B, &request, 0);
    assert_int_equal(newest(f)->state, HM_HANDOVER_DONE);
}

static void test_a_landing_before_the_staging_is_complete_counts(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message answer;

    control_rig_say(f, RIG_PEER_B, control_rig_prepare(1, 10));
    control_rig_show(f, &RIG_GUEST_MAC);
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer));
    assert_int_equal(answer.code, HM_CONTROL_OK);
    register_guest(f);
    assert_int_equal(newest(f)->state, HM_HANDOVER_DONE);
}

static void test_a_refusal_by_the_home_agent_undoes_all_addresses(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message prepare = control_rig_prepare(1, 10), answer;
    struct hm_registration_request request = {0};

    prepare.nodes[1] = prepare.nodes[0];
    prepare.nodes[1].home_addr = RIG_GUEST + 1;
    prepare.node_count = 2;
    control_rig_say(f, RIG_PEER_B, prepare);
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    assert_int_equal(request.home_addr, RIG_GUEST + 1);
    control_rig_register(f, RIG_PEER_B, &request, 129);
    assert_false(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer));
    path_rig_pass_ms(f, 16000);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer));
    assert_int_equal(answer.code, HM_CONTROL_REFUSED);
    assert_int_equal(newest(f)->state, HM_HANDOVER_FAILED);
    path_rig_pass_ms(f, 20000);
    assert_int_equal(f->agent.foreign.visitors.slab.used, 0);
}

static void test_an_abort_withdraws_the_visitor_and_tells_its_home_agent(void **state)
{
    struct path_rig *f = *state;
    struct hm_registration_request request = {0};

    stage_guest(f, 1, 10);
    control_rig_say(
        f, RIG_PEER_B,
        (struct hm_control_message){.kind = HM_CONTROL_REQUEST, .op = HM_OP_ABORT, .handover_id = 1});
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    assert_true(request.ext.has_hold);
    assert_int_equal(request.lifetime_s, 0);
    control_rig_register(f, RIG_PEER_B, &request, 0);
    assert_null(guest(f));
}

static void test_an_abort_of_another_peer_changes_nothing(void **state)
{
    struct path_rig *f = *state;

    stage_guest(f, 1, 10);
    control_rig_say(
        f, RIG_PEER_C,
        (struct hm_control_message){.kind = HM_CONTROL_REQUEST, .op = HM_OP_ABORT, .handover_id = 1});
    assert_int_equal(guest(f)->state, HM_VISITOR_EXPECTED);
}

/* A late repetition, of which the request's id has been forgotten. */
static void test_the_same_handover_asked_for_again_does_not_undo_the_landing(void **state)
{
    struct path_rig *f = *state;

    land_guest(f);
    control_rig_say(f, RIG_PEER_B, control_rig_prepare(1, 10));
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
}

/* Somebody says that the VM will come though it is here, and its home agent says no. */
static void check_that_the_visit_goes_on(struct path_rig *f, unsigned code)
{
    struct hm_registration_request request = {0};
    struct hm_control_message answer;

    land_guest(f);
    control_rig_say(f, RIG_PEER_B, control_rig_prepare(2, 11));
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    if (code != 0)
        control_rig_register(f, RIG_PEER_B, &request, (uint8_t)code);
    else
        path_rig_pass_ms(f, 60000); /* it says nothing */
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer));
    assert_true(answer.code != HM_CONTROL_OK);
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
    assert_int_equal(guest(f)->handover_id, 1);
    assert_int_equal(guest(f)->epoch, 10);
    rig_forget_frames(&f->rig);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    assert_int_equal(f->rig.frame_count, 1);
    rig_forget_frames(&f->rig);
    control_rig_show(f, &RIG_GUEST_MAC);
    path_rig_pass_ms(f, 10);
    register_guest(f); /* and it is renewed, since it is there */
}

static void test_f5_a_denial_of_another_move_leaves_the_visitor_as_it_was(void **state)
{
    check_that_the_visit_goes_on(*state, 130);
}

static void test_f5_no_answer_to_another_move_leaves_the_visitor_as_it_was(void **state)
{
    check_that_the_visit_goes_on(*state, 0);
}

static void test_an_older_epoch_is_refused(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_message answer;

    land_guest(f);
    control_rig_say(f, RIG_PEER_B, control_rig_prepare(2, 9));
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer));
    assert_int_equal(answer.code, HM_CONTROL_REFUSED);
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
}

/* The VM of this home is at B by the handover of this epoch, and a move on to C is staged when staged_epoch
 * is not 0. */
static void send_vm_to_b(struct path_rig *f, uint32_t epoch, uint32_t staged_epoch)
{
    struct hm_binding *binding = path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);

    binding->handover_id = 1;
    binding->epoch = epoch;
    if (staged_epoch == 0)
        return;
    hm_binding_set_staged(binding, RIG_PEER_C, 2, staged_epoch);
    hm_binding_apply(binding, HM_BINDING_STAGE, "test");
}

/* B asks to send the VM home. */
static struct hm_control_message ask_return(struct path_rig *f, uint32_t epoch, bool dry_run)
{
    struct hm_control_message prepare = control_rig_prepare(100 + epoch, epoch), answer;

    prepare.nodes[0] = (struct hm_control_node){
        .home_addr = RIG_VM, .mac = RIG_VM_MAC, .home_agent = RIG_AGENT, .home_prefix = f->rig.config.home};
    prepare.dry_run = dry_run;
    rig_forget_frames(&f->rig);
    control_rig_say(f, RIG_PEER_B, prepare);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer));
    return answer;
}

static void test_a_return_of_an_older_epoch_is_refused_without_a_trace(void **state)
{
    static const struct {
        uint32_t at_b, staged, asked;
    } cases[] = {{10, 0, 9}, {10, 20, 9}, {10, 20, 19}};

    for (unsigned i = 0; i < UNIT_COUNT(cases); i++) {
        struct path_rig *f;

        setup((void **)&f);
        send_vm_to_b(f, cases[i].at_b, cases[i].staged);
        for (unsigned dry_run = 0; dry_run < 2; dry_run++) {
            struct hm_control_message answer = ask_return(f, cases[i].asked, dry_run);
            assert_int_equal(answer.code, HM_CONTROL_REFUSED);
            assert_non_null(strstr(answer.text, "10.1.0.5: a newer handover is known here"));
        }
        assert_null(newest(f));
        assert_int_equal(ask_return(f, cases[i].at_b + cases[i].staged + 1, false).code, HM_CONTROL_OK);
        path_rig_teardown((void **)&f);
    }
    (void)state;
}

static void test_impossible_nodes_are_refused(void **state)
{
    struct path_rig *f = *state;
    const struct {
        struct hm_mac mac;
        uint32_t home_addr, home_agent;
        struct hm_prefix home_prefix;
        const char *what;
    } cases[] = {
        {RIG_AGENT_MAC, RIG_GUEST, RIG_PEER_B, {0x0a020000u, 24}, "the agent's own MAC"},
        {RIG_ROUTER_MAC, RIG_GUEST, RIG_PEER_B, {0x0a020000u, 24}, "the MAC of this LAN's router"},
        {{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, RIG_GUEST, RIG_PEER_B, {0x0a020000u, 24}, "broadcast"},
        {{{0x01, 0x00, 0x5e, 0, 0, 1}}, RIG_GUEST, RIG_PEER_B, {0x0a020000u, 24}, "a multicast MAC"},
        {{{0}}, RIG_GUEST, RIG_PEER_B, {0x0a020000u, 24}, "no MAC"},
        {RIG_GUEST_MAC, RIG_FAR, RIG_PEER_B, {0x0a020000u, 24}, "an address outside of its home"},
        {RIG_GUEST_MAC, 0x0a0200ffu, RIG_PEER_B, {0x0a020000u, 24}, "its home's broadcast address"},
        {RIG_GUEST_MAC, RIG_GUEST, RIG_FAR, {0x0a020000u, 24}, "a home agent that is no peer"},
        {RIG_GUEST_MAC, RIG_GUEST, RIG_PEER_B, {0x0a000000u, 8}, "a home that overlaps this LAN"},
        {RIG_GUEST_MAC, RIG_GUEST, RIG_PEER_B, {0, 0}, "all of the Internet"},
        {RIG_VM_MAC, RIG_AGENT, RIG_AGENT, {0x0a010000u, 24}, "the agent itself"},
    };

    for (unsigned i = 0; i < UNIT_COUNT(cases); i++) {
        struct hm_control_message prepare = control_rig_prepare(100 + i, 10), answer;
        prepare.nodes[0].mac = cases[i].mac;
        prepare.nodes[0].home_addr = cases[i].home_addr;
        prepare.nodes[0].home_agent = cases[i].home_agent;
        prepare.nodes[0].home_prefix = cases[i].home_prefix;
        rig_forget_frames(&f->rig);
        control_rig_say(f, RIG_PEER_B, prepare);
        if (!control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REPLY, HM_OP_PREPARE, &answer) ||
            answer.code != HM_CONTROL_REFUSED)
            fail_msg("%s is not refused", cases[i].what);
    }
    assert_int_equal(f->agent.foreign.visitors.slab.used, 0);
}

/* Records of handovers end, whatever becomes of their registrations: else there is room for no more. */
static void test_no_record_stays_open_when_the_home_agent_is_silent(void **state)
{
    struct path_rig *f = *state;

    f->rig.config.lifetime_s = 20;
    for (unsigned i = 0; i < f->rig.config.max_handovers + 1; i++) {
        stage_guest(f, i + 1, 10 + i);
        control_rig_show(f, &RIG_GUEST_MAC);
        assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
        path_rig_pass_ms(f, 25000);
        rig_forget_frames(&f->rig);
    }
}

static void test_no_record_stays_open_when_the_visitor_is_expected_again(void **state)
{
    struct path_rig *f = *state;

    for (unsigned i = 0; i < f->rig.config.max_handovers + 1; i++) {
        stage_guest(f, i + 1, 10 + i);
        control_rig_show(f, &RIG_GUEST_MAC);
        rig_forget_frames(&f->rig);
        path_rig_pass_ms(f, 100);
    }
}

/* --- visitors ----------------------------------------------------------------------------------------- */

static void see_guest_for_ms(struct path_rig *f, uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 500) {
        control_rig_show(f, &RIG_GUEST_MAC);
        path_rig_pass_ms(f, 500);
    }
}

static void test_a_renewal_is_tried_again_until_the_home_agent_is_back(void **state)
{
    struct path_rig *f = *state;
    struct hm_registration_request request = {0};

    land_guest(f);
    see_guest_for_ms(f, 260000);
    rig_forget_frames(&f->rig);
    see_guest_for_ms(f, 20000);
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    control_rig_register(f, RIG_PEER_B, &request, 0);
    rig_forget_frames(&f->rig);
    see_guest_for_ms(f, 100000);
    assert_non_null(guest(f));
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
}

/* RFC 5563 section 4.4: a node that was seen a minute ago may be somewhere else by now. */
static void test_a_renewal_needs_a_fresh_sign_of_life(void **state)
{
    struct path_rig *f = *state;
    struct hm_registration_request request = {0};

    land_guest(f);
    see_guest_for_ms(f, 150000);
    path_rig_pass_ms(f, 40000);
    rig_forget_frames(&f->rig);
    path_rig_pass_ms(f, 30000);
    assert_false(control_rig_registration(f, RIG_PEER_B, &request));
    /* It was asked, and answers. */
    assert_true(f->rig.frame_count > 0);
    control_rig_show(f, &RIG_GUEST_MAC);
    path_rig_pass_ms(f, 2000);
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    assert_int_equal(request.lifetime_s, 300);
}

static void test_a_silent_visitor_is_not_renewed_and_forgotten(void **state)
{
    struct path_rig *f = *state;

    land_guest(f);
    path_rig_pass_ms(f, 301000);
    assert_null(guest(f));
}

static void test_a_visitor_that_went_home_is_deregistered_and_forgotten(void **state)
{
    struct path_rig *f = *state;
    struct hm_registration_request request = {0};
    struct hm_control_message message = imminent(), prepare;

    land_guest(f);
    message.addrs[0] = RIG_GUEST;
    control_rig_ask(f, 0, message);
    assert_true(control_rig_sent(f, RIG_PEER_B, HM_CONTROL_REQUEST, HM_OP_PREPARE, &prepare));
    assert_true((int32_t)(prepare.epoch - 10) > 0);
    control_rig_reply(f, RIG_PEER_B, &prepare, HM_CONTROL_OK);
    assert_int_equal(guest(f)->state, HM_VISITOR_PRESENT);
    rig_forget_frames(&f->rig);
    control_rig_say(f, RIG_PEER_B,
                    (struct hm_control_message){.kind = HM_CONTROL_REQUEST,
                                                .op = HM_OP_ARRIVED,
                                                .handover_id = prepare.handover_id,
                                                .epoch = prepare.epoch});
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    assert_int_equal(request.lifetime_s, 0);
    assert_false(request.ext.has_hold);
    control_rig_register(f, RIG_PEER_B, &request, 0);
    assert_null(guest(f));
}

/* Two VMs of one home that come within seconds: what the first is told about the second must not go on being
 * told with the second's MAC when that is here itself. */
static void test_no_frame_is_sent_with_the_mac_of_a_visitor_that_is_here(void **state)
{
    struct path_rig *f = *state;
    const struct hm_mac second = RIG_MAC(0x26);
    struct hm_control_message prepare = control_rig_prepare(1, 10);
    struct hm_registration_request request = {0};

    prepare.neighbours[0] = (struct hm_pair){.addr = RIG_GUEST + 1, .mac = second};
    prepare.neighbour_count = 1;
    control_rig_say(f, RIG_PEER_B, prepare);
    assert_true(control_rig_registration(f, RIG_PEER_B, &request));
    control_rig_register(f, RIG_PEER_B, &request, 0);
    control_rig_show(f, &RIG_GUEST_MAC);
    path_rig_pass_ms(f, 500);
    prepare = control_rig_prepare(2, 11);
    prepare.nodes[0].home_addr = RIG_GUEST + 1;
    prepare.nodes[0].mac = second;
    control_rig_say(f, RIG_PEER_B, prepare);
    control_rig_show(f, &second);
    rig_forget_frames(&f->rig);
    path_rig_pass_ms(f, 8000);
    assert_true(f->rig.frame_count < RIG_FRAMES);
    assert_int_equal(rig_count_from(&f->rig, &second), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_and_event_leads_where_the_table_says),
        TEST(test_imminent_is_answered_when_the_destination_is_ready),
        TEST(test_a_silent_destination_is_told_in_time_and_told_off),
        TEST(test_a_refusal_of_the_destination_reaches_the_hypervisor),
        TEST(test_a_key_that_may_not_move_the_address_is_refused_before_anybody_is_asked),
        TEST(test_a_dry_run_leaves_no_record),
        TEST(test_a_destination_that_prepares_after_the_cancel_is_told_off_again),
        TEST(test_a_landing_that_overtakes_the_staging_is_a_success),
        TEST(test_only_the_destination_may_say_that_it_has_landed),
        TEST(test_a_newer_handover_of_the_same_vm_cancels_the_older),
        TEST(test_each_handover_of_a_vm_has_a_newer_epoch),
        TEST(test_a_staged_handover_that_never_lands_ends_here_and_by_its_own_clock_there),
        TEST(test_what_has_landed_cannot_be_cancelled),
        TEST(test_the_first_frame_lands_the_visitor_registers_it_and_tells_the_source),
        TEST(test_a_landing_before_the_staging_is_complete_counts),
        TEST(test_a_refusal_by_the_home_agent_undoes_all_addresses),
        TEST(test_an_abort_withdraws_the_visitor_and_tells_its_home_agent),
        TEST(test_an_abort_of_another_peer_changes_nothing),
        TEST(test_the_same_handover_asked_for_again_does_not_undo_the_landing),
        TEST(test_f5_a_denial_of_another_move_leaves_the_visitor_as_it_was),
        TEST(test_f5_no_answer_to_another_move_leaves_the_visitor_as_it_was),
        TEST(test_an_older_epoch_is_refused),
        cmocka_unit_test(test_a_return_of_an_older_epoch_is_refused_without_a_trace),
        TEST(test_impossible_nodes_are_refused),
        TEST(test_no_record_stays_open_when_the_home_agent_is_silent),
        TEST(test_no_record_stays_open_when_the_visitor_is_expected_again),
        TEST(test_a_renewal_is_tried_again_until_the_home_agent_is_back),
        TEST(test_a_renewal_needs_a_fresh_sign_of_life),
        TEST(test_a_silent_visitor_is_not_renewed_and_forgotten),
        TEST(test_a_visitor_that_went_home_is_deregistered_and_forgotten),
        TEST(test_no_frame_is_sent_with_the_mac_of_a_visitor_that_is_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
