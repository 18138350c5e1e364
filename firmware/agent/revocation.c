/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration revocation (RFC 3543).
 *
 * A revocation goes out at once, then after 1 s, doubling, each time with a new time and so a new
 * authenticator, until it is acknowledged or the revoked binding would have ended anyway. An entry is kept
 * for a second after its last message, so that there is never more than one message per second for one
 * binding.
 *
 * What keeps a late revocation from ending a newer visit: the home agent puts its time into its replies
 * (extension 137) and into its revocations, each greater than the last; it stops repeating as soon as the
 * place registers again; and the foreign agent removes only a visitor whose last reply is older than the
 * revocation. The A bit must be the sender's role for the node, so none of our own messages is good when it
 * is sent back to us. */
#include "firmware/agent/revocation.h"

#define FIRST_REPEAT_MS 1000
#define MAX_DOUBLINGS 16

struct entry {
    struct hm_table_node by_home;
    struct hm_revocations *owner;
    const struct hm_peer *peer; /* at the place that was left */
    uint32_t home_addr;
    uint32_t first_id, last_id; /* sent; an acknowledgment of any of them will do */
    unsigned attempts;
    bool was_sent; /* at sent_ms, by this revocation or an earlier one of the same place */
    bool is_done;
    uint64_t sent_ms;
    uint64_t end_ms;
    struct hm_timer timer;
};

int hm_revocations_init(struct hm_revocations *revocations, struct hm_env *env, struct hm_security *security)
{
    *revocations = (struct hm_revocations){.env = env, .security = security};
    int err = hm_slab_init(&revocations->slab, sizeof(struct entry), env->config->max_bindings);
    if (err == HM_OK)
        err = hm_table_init(&revocations->by_home, &revocations->slab, offsetof(struct entry, by_home),
                            offsetof(struct entry, home_addr));
    if (err != HM_OK)
        hm_revocations_fini(revocations);
    return err;
}

void hm_revocations_fini(struct hm_revocations *revocations)
{
    hm_table_fini(&revocations->by_home);
    hm_slab_fini(&revocations->slab);
}

uint32_t hm_revocations_time(struct hm_revocations *revocations)
{
    uint32_t now = hm_revocation_time(revocations->env->now.ntp);
    if (revocations->has_newest && !hm_revocation_is_after(now, revocations->newest))
        now = revocations->newest + 1;
    revocations->has_newest = true;
    revocations->newest = now;
    return now;
}

/* --- messages ----------------------------------------------------------------------------------------- */

static void send_signed(struct hm_revocations *revocations, const struct hm_association *association,
                        struct hm_writer *writer, struct hm_datagram *datagram)
{
    hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, association->spi, association->algorithm,
                            association->key);
    assert(!writer->failed);
    datagram->local_port = HM_MIP_PORT;
    datagram->bytes = writer->bytes;
    datagram->len = writer->len;
    revocations->send(revocations->send_arg, datagram);
}

static void transmit(struct entry *entry)
{
    struct hm_revocations *revocations = entry->owner;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    entry->last_id = hm_revocations_time(revocations);
    if (entry->attempts++ == 0)
        entry->first_id = entry->last_id;
    entry->was_sent = true;
    entry->sent_ms = hm_env_ms(revocations->env);
    struct hm_revocation revocation = {.flags = HM_REVOCATION_A,
                                       .home_addr = entry->home_addr,
                                       .home_agent = revocations->env->agent_addr,
                                       .care_of_addr = entry->peer->config->addr,
                                       .id = entry->last_id};
    struct hm_datagram datagram = {.local_addr = revocations->env->agent_addr,
                                   .remote_addr = entry->peer->config->addr,
                                   .remote_port = HM_MIP_PORT};
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_write(&writer, &revocation);
    hm_env_count(revocations->env, HM_COUNT_REVOCATIONS_SENT);
    send_signed(revocations, &entry->peer->associations[0], &writer, &datagram);
}

/* By the key that the revocation came with: while keys are rolled, its sender may know no other of ours. */
static void acknowledge(struct hm_revocations *revocations, const struct hm_peer *peer,
                        const struct hm_datagram *asked, const struct hm_revocation *revocation)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    struct hm_revocation_ack ack = {.home_addr = revocation->home_addr, .id = revocation->id};
    struct hm_datagram datagram = {.local_addr = asked->local_addr,
                                   .remote_addr = asked->remote_addr,
                                   .remote_port = asked->remote_port};
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_ack_write(&writer, &ack);
    send_signed(revocations, hm_security_association(peer, revocation->ext.fa_ha.spi), &writer, &datagram);
}

/* --- sending side ------------------------------------------------------------------------------------- */

static uint64_t home_hash(const struct hm_revocations *revocations, uint32_t home_addr)
{
    return hm_hash_u64(revocations->env->hash_seed, home_addr);
}

static struct entry *find(struct hm_revocations *revocations, uint32_t home_addr, uint32_t care_of_addr)
{
    uint64_t hash = home_hash(revocations, home_addr);
    struct hm_table_node *node = hm_table_first(&revocations->by_home, hash, home_addr);
    for (; node != NULL; node = hm_table_next(&revocations->by_home, node, hash)) {
        struct entry *entry = HM_CONTAINER_OF(node, struct entry, by_home);
        if (entry->home_addr == home_addr && entry->peer->config->addr == care_of_addr)
            return entry;
    }
    return NULL;
}

/* Written down, so that it goes on although this agent ends: lifetime_ms 0 takes it out. */
static void note(const struct entry *entry, uint64_t lifetime_ms)
{
    struct hm_env *env = entry->owner->env;
    const struct hm_revocation_record record = {.home_addr = entry->home_addr,
                                                .care_of_addr = entry->peer->config->addr,
                                                .end_ntp = hm_ntp_add_ms(env->now.ntp, (int64_t)lifetime_ms)};
    hm_store_note_revocation(env->store, &record, lifetime_ms > 0);
}

static void on_timer(void *arg)
{
    struct entry *entry = arg;
    struct hm_revocations *revocations = entry->owner;
    uint64_t now_ms = hm_env_ms(revocations->env);
    if (entry->is_done || now_ms >= entry->end_ms) {
        note(entry, 0);
        hm_table_remove(&revocations->by_home, &entry->by_home, home_hash(revocations, entry->home_addr));
        hm_slab_give(&revocations->slab, entry);
        return;
    }
    unsigned doublings = entry->attempts < MAX_DOUBLINGS ? entry->attempts : MAX_DOUBLINGS;
    uint64_t pause_ms = (uint64_t)FIRST_REPEAT_MS << doublings;
    uint64_t left_ms = entry->end_ms - now_ms;
    transmit(entry);
    hm_timer_arm(&revocations->env->wheel, &entry->timer, pause_ms < left_ms ? pause_ms : left_ms);
}

/* When the second since its last message is over. */
static uint64_t wait_ms(const struct entry *entry)
{
    uint64_t next_ms = entry->sent_ms + FIRST_REPEAT_MS, now_ms = hm_env_ms(entry->owner->env);
    return entry->was_sent && next_ms > now_ms ? next_ms - now_ms : 0;
}

static void end(struct entry *entry)
{
    entry->is_done = true;
    hm_timer_arm(&entry->owner->env->wheel, &entry->timer, wait_ms(entry));
}

static struct entry *add(struct hm_revocations *revocations, const struct hm_peer *peer, uint32_t home_addr)
{
    struct entry *entry = hm_slab_take(&revocations->slab);
    if (entry == NULL)
        return NULL;
    *entry = (struct entry){.owner = revocations, .peer = peer, .home_addr = home_addr};
    hm_timer_init(&entry->timer, on_timer, entry);
    hm_table_add(&revocations->by_home, &entry->by_home, home_hash(revocations, home_addr));
    return entry;
}

void hm_revocations_start(struct hm_revocations *revocations, uint32_t home_addr, uint32_t care_of_addr,
                          uint64_t lifetime_ms)
{
    char text[HM_IP_TEXT_LEN];
    const struct hm_peer *peer = hm_security_peer_by_addr(revocations->security, care_of_addr);
    struct entry *entry = peer == NULL ? NULL : find(revocations, home_addr, care_of_addr);
    if (peer != NULL && entry == NULL)
        entry = add(revocations, peer, home_addr);
    if (entry == NULL) {
        hm_env_log(revocations->env, HM_LOG_WARNING, "%s: the place that it left cannot be told",
                   hm_ip_text(home_addr, text));
        return;
    }
    uint64_t pause_ms = wait_ms(entry);
    entry->attempts = 0;
    entry->is_done = false;
    entry->end_ms = hm_env_ms(revocations->env) + lifetime_ms;
    note(entry, lifetime_ms);
    if (pause_ms > 0)
        hm_timer_arm(&revocations->env->wheel, &entry->timer, pause_ms);
    else
        on_timer(entry);
}

bool hm_revocations_load(struct hm_revocations *revocations, const struct hm_revocation_record *record,
                         uint64_t lifetime_ms)
{
    const struct hm_peer *peer = hm_security_peer_by_addr(revocations->security, record->care_of_addr);
    struct entry *entry = peer == NULL ? NULL : add(revocations, peer, record->home_addr);
    if (entry == NULL)
        return false;
    entry->end_ms = hm_env_ms(revocations->env) + lifetime_ms;
    hm_timer_arm(&revocations->env->wheel, &entry->timer, 0);
    return true;
}

void hm_revocations_stop(struct hm_revocations *revocations, uint32_t home_addr, uint32_t care_of_addr)
{
    struct entry *entry = find(revocations, home_addr, care_of_addr);
    if (entry != NULL)
        end(entry);
}

/* --- what comes in ------------------------------------------------------------------------------------ */

/* The peer whose authenticator the message has, or NULL (and all said). */
static const struct hm_peer *verify(struct hm_revocations *revocations, const struct hm_datagram *datagram,
                                    int err, const struct hm_extensions *ext)
{
    char text[HM_IP_TEXT_LEN];
    hm_ip_text(datagram->remote_addr, text);
    const struct hm_peer *peer = hm_security_peer_by_addr(revocations->security, datagram->remote_addr);
    const struct hm_auth_ext *auth = &ext->fa_ha;
    const struct hm_association *used = NULL;
    if (err == HM_OK && peer != NULL && auth->count == 1)
        used = hm_security_association(peer, auth->spi);
    if (err != HM_OK)
        hm_env_drop(revocations->env, err == HM_ERR_REFUSED ? HM_DROP_MIP_EXTENSION : HM_DROP_MIP_MALFORMED,
                    "revocation from %s", text);
    else if (used == NULL)
        hm_env_drop(revocations->env, HM_DROP_MIP_NO_SA, "revocation from %s", text);
    else if (!hm_extensions_are_covered(ext, auth) ||
             !hm_extension_auth_is_right(auth, datagram->bytes, used->algorithm, used->key))
        hm_env_drop(revocations->env, HM_DROP_MIP_AUTH, "revocation from %s", text);
    else
        return peer;
    return NULL;
}

/* RFC 3543 section 3.5: is the A bit the sender's role, and are we the other side? */
static bool is_role_right(const struct hm_revocations *revocations, const struct hm_peer *peer,
                          const struct hm_revocation *revocation)
{
    if (revocation->flags & HM_REVOCATION_A)
        return revocation->home_agent == peer->config->addr &&
               revocation->care_of_addr == revocations->env->agent_addr;
    return revocation->care_of_addr == peer->config->addr &&
           hm_env_is_own_addr(revocations->env, revocation->home_agent);
}

void hm_revocations_receive(struct hm_revocations *revocations, const struct hm_datagram *datagram)
{
    struct hm_revocation revocation;
    int err = hm_revocation_decode(datagram->bytes, datagram->len, &revocation);
    const struct hm_peer *peer = verify(revocations, datagram, err, &revocation.ext);
    if (peer == NULL)
        return;
    if (!is_role_right(revocations, peer, &revocation)) {
        hm_env_drop(revocations->env, HM_DROP_MIP_ROLE, "revocation by %s", peer->config->name);
        return;
    }
    if (revocations->revoked(revocations->arg, peer, &revocation) != HM_OK) {
        hm_env_drop(revocations->env, HM_DROP_MIP_REPLAY, "revocation by %s", peer->config->name);
        return;
    }
    hm_env_count(revocations->env, HM_COUNT_REVOCATIONS_RECEIVED);
    acknowledge(revocations, peer, datagram, &revocation);
}

void hm_revocations_receive_ack(struct hm_revocations *revocations, const struct hm_datagram *datagram)
{
    struct hm_revocation_ack ack;
    int err = hm_revocation_ack_decode(datagram->bytes, datagram->len, &ack);
    const struct hm_peer *peer = verify(revocations, datagram, err, &ack.ext);
    if (peer == NULL)
        return;
    struct entry *entry = find(revocations, ack.home_addr, peer->config->addr);
    if (entry == NULL || entry->is_done || entry->attempts == 0 ||
        hm_revocation_is_after(entry->first_id, ack.id) || hm_revocation_is_after(ack.id, entry->last_id)) {
        hm_env_drop(revocations->env, HM_DROP_MIP_UNEXPECTED, "acknowledgment by %s", peer->config->name);
        return;
    }
    hm_env_count(revocations->env, HM_COUNT_REVOCATIONS_ACKED);
    end(entry);
}
