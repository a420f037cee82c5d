/*
 * Has signals come in while a thread waits for Redis.
 *
 *   signals URL PID     URL of a Redis, and the process that it is
 *
 * A host's own affair, as a profiler's timer is, and none of the call's. Linux begins no read anew
 * that has a time limit, not even where the handler asks for that (SA_RESTART).
 */

#define _XOPEN_SOURCE 700

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "rudder_session.h"

enum { SIGNALS = 200, POOL_SIZE = 2, DEADLINE_MS = 20000 };

static volatile sig_atomic_t handled = 0;
static volatile sig_atomic_t has_ended = 0;
static rsess_store *store;
static rsess_status loaded;

static void handle(int number)
{
    (void)number;
    handled = handled + 1;
}

static void expect(const char *step, rsess_status expected, rsess_status status)
{
    if (status != expected) {
        fprintf(stderr, "%s: %s, not %s\n", step, rsess_status_name(status),
                rsess_status_name(expected));
        exit(EXIT_FAILURE);
    }
}

static rsess_status load(void)
{
    rsess_buf none = {NULL, 0, 0};
    return rsess_store_load(store, "nobody", 6, 0, &none);
}

static void *wait_for_redis(void *unused)
{
    (void)unused;
    loaded = load();
    has_ended = 1;
    return NULL;
}

int main(int argc, char **argv)
{
    struct sigaction action;
    pthread_t caller;
    int sent, redis;

    if (argc != 3) {
        fputs("usage: signals URL PID\n", stderr);
        return EXIT_FAILURE;
    }
    redis = atoi(argv[2]);
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    expect("store", RSESS_OK,
           rsess_store_new_redis(argv[1], strlen(argv[1]), "session:", 8, NULL, 0, POOL_SIZE,
                                 DEADLINE_MS, &store));
    /* From here on there is a connection. */
    expect("first load", RSESS_NOT_FOUND, load());

    kill(redis, SIGSTOP);
    pthread_create(&caller, NULL, wait_for_redis, NULL);
    for (sent = 1; sent <= SIGNALS && !has_ended; sent++) {
        pthread_kill(caller, SIGUSR1);
        while (handled < sent && !has_ended) sched_yield();
    }
    kill(redis, SIGCONT);
    pthread_join(caller, NULL);

    expect("load", RSESS_NOT_FOUND, loaded);
    if (handled != SIGNALS) {
        fprintf(stderr, "the call ended after %d signals\n", (int)handled);
        return EXIT_FAILURE;
    }
    rsess_store_free(store);
    printf("%d signals, and the answer all the same\n", SIGNALS);
    return EXIT_SUCCESS;
}
