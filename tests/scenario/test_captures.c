/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenario: what is sent on all LANs of a whole life is decoded by tshark without a malformed mark or a wrong
 * checksum, and it knows our registrations and revocations for what they are. What agents send in any
 * scenario is judged by
 * ../lab/judge.py. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"
#include "tests/scenario/sent.h"

static const char *const FILES[] = {"net", "a", "b", "c"};
#define FILE_COUNT (sizeof(FILES) / sizeof(FILES[0]))

/* A whole life: staging with a repetition, visit, second visit, cancel, return, one refusal. */
static void live(struct hm_sim_world *world)
{
    const struct hm_control_message cancel = hm_sim_about(HM_OP_CANCEL, &world->vm);
    struct meddler meddler;

    world->sites[HM_SIM_B].agent.clock_offset_us = 3600 * (int64_t)HM_SIM_S;
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REPLY), MEDDLE_DROP, 1);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 1472);
    hm_sim_host_ping(&world->vm, hm_sim_host_addr(&world->correspondent), 1472);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_A);
    hm_sim_hypervisor_call(&world->sites[HM_SIM_B].hypervisor, &cancel);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_C);
    handover(world, &world->vm, HM_SIM_C, HM_SIM_A);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
}

/* How many packets of a capture tshark shows under the filter; -1: it cannot be run. It guesses at protocols
 * that it does not know, so it is told that our control channel is mere data. */
static long packets(const char *folder, const char *file, const char *filter)
{
    char command[1024], line[512];
    long count = 0;
    FILE *pipe;

    snprintf(command, sizeof(command),
             "tshark -n -r %s/%s.pcap -d udp.port==%u,data -o ip.check_checksum:TRUE "
             "-o udp.check_checksum:TRUE -Y '%s' 2>/dev/null",
             folder, file, HM_CONTROL_PORT, filter);
    pipe = popen(command, "r");
    if (pipe == NULL)
        return -1;
    while (fgets(line, sizeof(line), pipe) != NULL) {
        if (strchr(line, '\n') != NULL)
            count++;
        if (count <= 3 && strcmp(filter, "mip") != 0)
            print_message("%s: %s", file, line);
    }
    return pclose(pipe) == 0 ? count : -1;
}

static void test_tshark_finds_nothing_malformed(void **state)
{
    struct hm_sim_world_options options = {.on_sent = sent_begin_world()};
    char folder[] = "/tmp/hm_captures_XXXXXX";
    struct hm_sim_world *world;
    long bad = 0, registrations = 0, revocations = 0, acknowledgments = 0;

    (void)state;
    if (system("command -v tshark >/dev/null") != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    options.pcap_folder = folder;
    world = hm_sim_world_create(1, &options);
    live(world);
    hm_sim_world_destroy(world);
    for (unsigned i = 0; i < FILE_COUNT; i++) {
        char path[64];
        long found =
            packets(folder, FILES[i], "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0");

        bad += found;
        registrations += packets(folder, FILES[i], "mip");
        revocations += packets(folder, FILES[i], "mip.type == 7 && mip.rev.a == 1");
        acknowledgments += packets(folder, FILES[i], "mip.type == 15");
        assert_int_not_equal(found, -1);
        snprintf(path, sizeof(path), "%s/%s.pcap", folder, FILES[i]);
        unlink(path);
    }
    rmdir(folder);
    assert_int_equal(bad, 0);
    assert_true(registrations >= 10);
    assert_true(revocations >= 2 && acknowledgments >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tshark_finds_nothing_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
