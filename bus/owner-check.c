/* SPDX-License-Identifier: MIT */
/*
 * One look-up at a time, about the users of all requests that wait when it begins; who comes later
 * waits for the next one. One that does not end is given up after a while: who waits for it is
 * refused, and the next one begins, unless too many hang: then they are refused at once.
 *
 *      RequestName -> parked, caller held -> look-up -> the same call again, with the answer
 *
 * The call is handled anew from its beginning, because configuration and service file may be other
 * ones by then. Its caller is held, so that it is the only one of its connection.
 */
#include "bus/owner-check.h"

#include "bus/activation.h"
#include "bus/connection.h"
#include "policy/rules.h"

#include <string.h>

#define PATIENCE_USEC (20u * 1000000)
#define MAX_GIVEN_UP 2 /* that still hang */

typedef struct OwnerRequest OwnerRequest;
typedef struct OwnerLookup OwnerLookup;

struct OwnerRequest {
        ListNode node;         /* in waiting or asked */
        Connection *caller;    /* borrowed; whose owner_request this is */
        Message *message;      /* owned; counted */
        PolicyAccount account; /* of User= */
        bool is_answered;      /* it is being handled again: account is what the system says */
        bool timed_out;
};

struct OwnerCheck {
        Bus *bus;             /* borrowed */
        Workers *workers;     /* borrowed */
        ListNode waiting;     /* OwnerRequest.node; came after the running look-up began */
        ListNode asked;       /* OwnerRequest.node; the running one answers them */
        OwnerLookup *running; /* borrowed; NULL: none */
        unsigned n_given_up;  /* look-ups that have not come back */
        LoopTimer patience;
        char *rule; /* owned; text of the last denial, for its verdict */
};

struct OwnerLookup {
        WorkerJob job;
        OwnerCheck *check; /* borrowed: Workers that are freed tell nobody any more */
        bool given_up;
        GPtrArray *accounts; /* owned; of PolicyAccount *, each user once */
};

static void begin(OwnerCheck *check);

OwnerCheck *owner_check_new(Bus *bus, Workers *workers) {
        OwnerCheck *check = g_new0(OwnerCheck, 1);

        check->bus = bus;
        check->workers = workers;
        list_init(&check->waiting);
        list_init(&check->asked);
        return check;
}

void owner_check_free(OwnerCheck *check) {
        if (!check)
                return;
        g_assert(list_is_empty(&check->waiting) && list_is_empty(&check->asked));
        loop_disarm(&check->patience);
        g_free(check->rule);
        g_free(check);
}

/* --- requests --- */

static uint64_t fds_of(const Message *message) {
        return message->fds ? message->fds->n_fds : 0;
}

static bool charge(Quota *quota, const Message *message) {
        if (!quota_charge(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes))
                return false;
        if (quota_charge(quota, QUOTA_INCOMING_FDS, fds_of(message)))
                return true;
        quota_refund(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes);
        return false;
}

static void refund(Quota *quota, const Message *message) {
        quota_refund(quota, QUOTA_INCOMING_BYTES, message->view.n_bytes);
        quota_refund(quota, QUOTA_INCOMING_FDS, fds_of(message));
}

static bool park(OwnerCheck *check, Connection *caller, const char *user, const Message *message) {
        OwnerRequest *request;
        Message *copy;

        if (!charge(&caller->quota, message))
                return false;
        copy = message_copy(message);
        if (!copy) {
                refund(&caller->quota, message);
                return false;
        }
        request = g_new0(OwnerRequest, 1);
        request->caller = caller;
        request->message = copy;
        request->account.name = g_strdup(user);
        caller->owner_request = request;
        list_append(&check->waiting, &request->node);
        connection_hold(caller);
        return true;
}

static void request_free(OwnerRequest *request) {
        list_remove(&request->node);
        refund(&request->caller->quota, request->message);
        message_free(request->message);
        policy_account_clear(&request->account);
        g_free(request);
}

/* The request is no longer the connection's when it is handled, so that it may be parked again. */
static void handle_again(OwnerCheck *check, OwnerRequest *request) {
        Connection *caller = request->caller;

        list_remove(&request->node);
        request->is_answered = true;
        connection_release(caller);
        (void)check->bus->hooks.driver_message(check->bus, caller, request->message);
        if (caller->owner_request == request)
                caller->owner_request = NULL;
        request_free(request);
}

void owner_check_connection_gone(G_GNUC_UNUSED OwnerCheck *check, Connection *connection) {
        OwnerRequest *request = g_steal_pointer(&connection->owner_request);

        /* One that is being handled is freed by who handles it. */
        if (request && !request->is_answered)
                request_free(request);
}

/* --- look-ups --- */

static void account_free(void *data) {
        policy_account_clear(data);
        g_free(data);
}

static void look_up(WorkerJob *job) {
        const OwnerLookup *lookup = CONTAINER_OF(job, OwnerLookup, job);

        for (guint i = 0; i < lookup->accounts->len; i++) {
                PolicyAccount *account = lookup->accounts->pdata[i];
                g_autofree char *name = g_strdup(account->name);

                policy_account_set_user(account, name);
        }
}

static void lookup_free(OwnerLookup *lookup) {
        g_ptr_array_unref(lookup->accounts);
        g_free(lookup);
}

static const PolicyAccount *find_account(const OwnerLookup *lookup, const char *user) {
        for (guint i = 0; i < lookup->accounts->len; i++) {
                const PolicyAccount *account = lookup->accounts->pdata[i];

                if (strcmp(account->name, user) == 0)
                        return account;
        }
        return NULL;
}

/*
 * @lookup: NULL: it has not come back. A request whose file names another user by now is parked
 * again, and a look-up begins that is not this one.
 */
static void end(OwnerCheck *check, const OwnerLookup *lookup) {
        ListNode ended;

        check->running = NULL;
        loop_disarm(&check->patience);
        list_init(&ended);
        list_move_all(&ended, &check->asked);
        while (!list_is_empty(&ended)) {
                OwnerRequest *request = CONTAINER_OF(ended.next, OwnerRequest, node);

                request->timed_out = !lookup;
                if (lookup)
                        policy_account_copy(&request->account,
                                            find_account(lookup, request->account.name));
                handle_again(check, request);
        }
        begin(check);
}

static void looked_up(WorkerJob *job) {
        OwnerLookup *lookup = CONTAINER_OF(job, OwnerLookup, job);

        if (lookup->given_up)
                lookup->check->n_given_up--;
        else
                end(lookup->check, lookup);
        lookup_free(lookup);
}

static void give_up(LoopTimer *timer) {
        OwnerCheck *check = CONTAINER_OF(timer, OwnerCheck, patience);

        check->running->given_up = true;
        check->n_given_up++;
        end(check, NULL);
}

static OwnerLookup *take_waiting(OwnerCheck *check) {
        OwnerLookup *lookup = g_new0(OwnerLookup, 1);

        lookup->job = (WorkerJob){ .work = look_up, .done = looked_up };
        lookup->check = check;
        lookup->accounts = g_ptr_array_new_with_free_func(account_free);
        while (!list_is_empty(&check->waiting)) {
                OwnerRequest *request = CONTAINER_OF(check->waiting.next, OwnerRequest, node);

                list_remove(&request->node);
                list_append(&check->asked, &request->node);
                if (!find_account(lookup, request->account.name)) {
                        PolicyAccount *account = g_new0(PolicyAccount, 1);

                        policy_account_copy(account, &request->account);
                        g_ptr_array_add(lookup->accounts, account);
                }
        }
        return lookup;
}

static void begin(OwnerCheck *check) {
        OwnerLookup *lookup;

        if (check->running || list_is_empty(&check->waiting))
                return;
        lookup = take_waiting(check);
        if (check->n_given_up < MAX_GIVEN_UP && workers_start(check->workers, &lookup->job)) {
                check->running = lookup;
                loop_arm(check->bus->loop, &check->patience,
                         loop_now_usec(check->bus->loop) + PATIENCE_USEC, give_up);
                return;
        }
        lookup_free(lookup);
        end(check, NULL);
}

/* --- the question --- */

static OwnerAnswer deny(OwnerCheck *check, const ServiceFile *file, PolicyVerdict *ret_verdict) {
        g_free(check->rule);
        check->rule = g_strconcat("User=", file->user, NULL);
        *ret_verdict = (PolicyVerdict){ .layer = POLICY_LAYER_SERVICE,
                                        .rule = check->rule,
                                        .file = file->path,
                                        .line = file->user_line };
        return OWNER_DENIED;
}

OwnerAnswer owner_check_ask(OwnerCheck *check, Connection *caller, WireString name,
                            const Message *message, PolicyVerdict *ret_verdict) {
        const OwnerRequest *request = caller->owner_request;
        const ServiceFile *file;

        if (!check->bus->config->service_owner_check)
                return OWNER_ALLOWED;
        file = activation_find(check->bus->activation, name);
        if (!file || !file->user)
                return OWNER_ALLOWED;
        if (!request || strcmp(request->account.name, file->user) != 0) {
                if (!park(check, caller, file->user, message))
                        return OWNER_BUSY;
                begin(check);
                return OWNER_LATER;
        }
        if (request->timed_out || request->account.answer != POLICY_ANSWER_GIVEN)
                return OWNER_UNKNOWN;
        if (request->account.known && request->account.id == caller->identity->uid)
                return OWNER_ALLOWED;
        return deny(check, file, ret_verdict);
}
