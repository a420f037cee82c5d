/*
 * Lets 16 threads use one engine, one session and one queue at once.
 *
 *   threads OPERATIONS        so many in all; prints the visits that were counted
 *   threads OPERATIONS race   one thread writes to the key that the library reads for the others:
 *                             the proof that a tool that looks on sees races
 *
 * Each thread has a session of its own, and all share one: a commit that meets another one of it
 * is RSESS_ERR_IN_USE, and nothing that was put by one thread is lost.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rudder_session.h"

enum { THREADS = 16 };

static rsess_engine *engine;
static rsess_session *shared;
static rsess_queue *queue;
static long per_thread;
static int races;
static char planted = 'a';

static void expect(const char *step, int is_good, rsess_status status)
{
    if (!is_good) {
        fprintf(stderr, "%s: %s\n", step, rsess_status_name(status));
        abort();
    }
}

static void must(const char *step, rsess_status status)
{
    expect(step, status == RSESS_OK, status);
}

static void set(rsess_config *config, const char *key, const char *value)
{
    must(key, rsess_config_set(config, key, strlen(key), value, strlen(value), NULL));
}

/* One request: load, count, commit. The cookie of the next one is written to cookie. */
static void request(char *cookie, size_t size, long expected)
{
    rsess_session *session = NULL;
    rsess_buf visits = {NULL, 0, 0}, header = {NULL, 0, 0};
    char text[32];
    rsess_status status;
    int len;

    must("load", rsess_session_load(engine, cookie, strlen(cookie), 0, &session, NULL));
    status = rsess_session_get(session, "n", 1, &visits);
    expect("get", status == (expected == 0 ? RSESS_NOT_FOUND : RSESS_OK), status);
    expect("another session", (visits.ptr ? atol(visits.ptr) : 0) == expected, status);
    len = snprintf(text, sizeof text, "%ld", expected + 1);
    must("put", rsess_session_put(session, "n", 1, text, (size_t)len));
    must("commit", rsess_session_commit(session, 0, &header, NULL));
    expect("a cookie", header.ptr != NULL && strcspn(header.ptr, ";") < size, status);
    snprintf(cookie, size, "%.*s", (int)strcspn(header.ptr, ";"), header.ptr);
    rsess_buf_free(&header);
    rsess_buf_free(&visits);
    rsess_session_free(session);
}

static void use_shared(long number, long round)
{
    char own[32];
    const char *key = races ? &planted : own;
    int len = races ? 1 : snprintf(own, sizeof own, "%ld", number);
    rsess_buf header = {NULL, 0, 0};
    rsess_status status = rsess_session_put(shared, key, (size_t)len, "true", 4);
    expect("put", status == RSESS_OK || status == RSESS_ERR_IN_USE, status);
    if (round % 8 == 0) {
        status = rsess_session_commit(shared, 0, &header, NULL);
        expect("commit", status == RSESS_OK || status == RSESS_ERR_IN_USE, status);
        rsess_buf_free(&header);
    }
}

/* Submits, drains whatever is done, by whichever thread it was submitted. */
static void use_queue(long number, long round)
{
    rsess_completion done[8];
    size_t count, n;
    uint64_t tag = (uint64_t)number << 32 | (uint64_t)round;

    must("submit", rsess_queue_load(queue, engine, NULL, 0, 0, tag, 60000, NULL));
    must("drain", rsess_queue_drain(queue, done, 8, &count));
    for (n = 0; n < count; n++) {
        must("completion", done[n].status);
        rsess_completion_free(&done[n]);
    }
}

static void *work(void *argument)
{
    long number = *(long *)argument, round;
    char cookie[256] = "";

    if (races && number == 0) {
        planted = 'b';
        return NULL;
    }
    for (round = 0; round < per_thread; round++) {
        switch (round % 4) {
        case 0: use_shared(number, round); break;
        case 1: use_queue(number, round); break;
        default: request(cookie, sizeof cookie, round / 4 * 2 + round % 4 - 2);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    long numbers[THREADS], n;
    rsess_config *config = NULL;
    char cookie[256] = "";

    races = argc > 2 && strcmp(argv[2], "race") == 0;
    per_thread = (argc > 1 ? atol(argv[1]) : 1000) / THREADS;
    must("config", rsess_config_new(&config));
    set(config, "secret", "a-secret-for-tests-of-32-bytes!!");
    set(config, "driver", "memory");
    must("engine", rsess_engine_new(config, &engine, NULL));
    rsess_config_free(config);
    must("queue", rsess_queue_new(&queue, NULL));
    must("load", rsess_session_load(engine, NULL, 0, 0, &shared, NULL));
    /* What is made once, at the first save, is made before there are threads. */
    request(cookie, sizeof cookie, 0);

    for (n = 0; n < THREADS; n++) {
        numbers[n] = n;
        expect("thread", pthread_create(&threads[n], NULL, work, &numbers[n]) == 0, RSESS_OK);
    }
    for (n = 0; n < THREADS; n++) {
        expect("join", pthread_join(threads[n], NULL) == 0, RSESS_OK);
    }
    rsess_session_free(shared);
    rsess_queue_free(queue);
    rsess_engine_free(engine);
    printf("%ld operations\n", per_thread * THREADS);
    return EXIT_SUCCESS;
}
