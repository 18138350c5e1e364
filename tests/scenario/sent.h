/* SPDX-License-Identifier: BSD-3-Clause */
/* What the agents of a scenario's worlds send, as a capture for tests/lab/judge.py: CTest runs each scenario
 * by it.
 *
 * HM_SIM_SENT=FILE names it. Of frames of one shape (length, protocol, ports) only the first hundred of a
 * world are written, and then one of 64: the thousand probes a second are alike, and tshark reads only so
 * many a second. No message is ever sent so often. */
#ifndef HM_SCENARIO_SENT_H
#define HM_SCENARIO_SENT_H

#include "platform/sim/agent.h"

/* For the options of each world that is made; NULL when nothing is to be written. */
hm_sim_on_sent *sent_begin_world(void);

#endif
