/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold in every seed, whatever goes wrong.
 *
 * Looked at with every frame: an agent delivers to the VM only where the VM is, and at the place that it
 * leaves only until its stop is told. Looked at in the end: no probe has vanished, come twice or out of order
 * beyond what this seed's faults excuse; the VM is reached; no agent keeps anything of what is over. */
#ifndef HM_ADVERSARY_INVARIANTS_H
#define HM_ADVERSARY_INVARIANTS_H

#include "platform/sim/migration.h"
#include "platform/sim/world.h"

/* Watches one site's LAN. */
struct invariants_eye {
    struct hm_sim_tap tap;
    struct invariants *invariants;
    enum hm_sim_site_number site;
    bool is_blind; /* the VM left it and its agent was never told */
};

struct invariants {
    struct hm_sim_world *world;
    const struct hm_sim_migration *migration; /* under way; NULL: none */
    struct invariants_eye eyes[HM_SIM_SITES];
    bool is_broken;
    char what[256]; /* the first breach, for a person */
};

/* What the faults of a seed excuse. */
struct invariants_excuse {
    uint64_t lost, lost_up; /* probes to the VM, and of it; UINT64_MAX: any number */
    bool doubles;
    bool order;
    bool timeouts; /* markers that are waited for in vain */
    bool abandons; /* agents that let go what waits with them */
};

void invariants_begin(struct invariants *invariants, struct hm_sim_world *world);
void invariants_fini(struct invariants *invariants);

/* A breach; only the first is kept. */
void invariants_break(struct invariants *invariants, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A migration begins, or has ended (NULL). */
void invariants_watch(struct invariants *invariants, const struct hm_sim_migration *migration);

/* The site where the VM is plugged in. */
enum hm_sim_site_number invariants_place(const struct hm_sim_world *world);

/* lost: how many may be. */
void invariants_check_probes(struct invariants *invariants, const char *way,
                             const struct hm_sim_counts *counts, uint64_t lost,
                             const struct invariants_excuse *excuse);
/* What the agents themselves have recorded. */
void invariants_check_records(struct invariants *invariants, const struct invariants_excuse *excuse);
/* is_frozen: the VM never ran on, so that nobody can tell where it is. has_deaths: what an agent knew that
 * has died may be remembered by others for the lifetime of a registration. */
void invariants_check_tables(struct invariants *invariants, bool is_frozen, bool has_deaths);

#endif
