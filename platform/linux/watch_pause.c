/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns QEMU's migration capabilities that the watch at the source needs.
 *
 * QEMU does not change them while it migrates. pause-before-switchover that is left on would stop the next
 * migration for ever: it is set back at our end. */
#include "platform/linux/watch_pause.h"

#include <string.h>

#define OPENING_US 2000000

static json_t *capability(const char *name, bool state)
{
    return json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", name, "state", state);
}

static bool set_capability(struct hm_watch *watch, const char *name, bool state)
{
    char error[HM_QMP_ERROR_LEN];
    json_t *answer = hm_watch_command(watch, "migrate-set-capabilities", capability(name, state),
                                      hm_watch_now_us() + OPENING_US, error);

    if (answer == NULL)
        hm_watch_say(watch, "warning", NULL, "QEMU does not set the capability %s: %s", name, error);
    json_decref(answer);
    return answer != NULL;
}

static bool has_capability(struct hm_watch *watch, const char *name)
{
    json_t *answer =
        hm_watch_command(watch, "query-migrate-capabilities", NULL, hm_watch_now_us() + OPENING_US, NULL);
    bool is_on = false;

    for (size_t i = 0; i < json_array_size(answer); i++) {
        const json_t *entry = json_array_get(answer, i);
        const char *text = json_string_value(json_object_get(entry, "capability"));

        if (text != NULL && strcmp(text, name) == 0)
            is_on = json_is_true(json_object_get(entry, "state"));
    }
    json_decref(answer);
    return is_on;
}

/* A migration that began before us. */
static void read_migration(struct hm_watch *watch)
{
    json_t *answer = hm_watch_command(watch, "query-migrate", NULL, hm_watch_now_us() + OPENING_US, NULL);

    hm_watch_migration_is(watch, json_string_value(json_object_get(answer, "status")));
    json_decref(answer);
    if (watch->migration == HM_MIGRATION_COMPLETED || watch->migration == HM_MIGRATION_FAILED ||
        watch->migration == HM_MIGRATION_CANCELLED)
        watch->migration = HM_MIGRATION_NONE; /* an earlier one's end */
}

void hm_watch_pause_set(struct hm_watch *watch, struct hm_watch_pause *pause)
{
    *pause = (struct hm_watch_pause){0};
    set_capability(watch, "events", true);
    read_migration(watch);
    pause->is_on = has_capability(watch, "pause-before-switchover");
    if (pause->is_on) {
        hm_watch_say(
            watch, "warning", NULL,
            "pause-before-switchover is set already: whoever set it is left to continue the migration, "
            "and only at the deadline it is done here");
        return;
    }
    pause->is_on = pause->is_ours = set_capability(watch, "pause-before-switchover", true);
}

void hm_watch_pause_restore(struct hm_watch *watch, struct hm_watch_pause *pause)
{
    if (pause->is_ours && !watch->is_alone)
        set_capability(watch, "pause-before-switchover", false);
    pause->is_ours = false;
}
