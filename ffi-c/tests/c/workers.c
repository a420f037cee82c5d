/*
 * Makes an engine, forks 8 workers, and has each load and commit, as gunicorn and PHP-FPM do.
 *
 *   workers redis+unix:///path/to/socket TIMES
 *
 * It ends with 0 if every worker saw its own session only.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rudder_session.h"

enum { WORKERS = 8 };

static void must(const char *step, rsess_status status)
{
    if (status != RSESS_OK) {
        fprintf(stderr, "%ld: %s: %s\n", (long)getpid(), step, rsess_status_name(status));
        exit(EXIT_FAILURE);
    }
}

static void set(rsess_config *config, const char *key, const char *value)
{
    must(key, rsess_config_set(config, key, strlen(key), value, strlen(value), NULL));
}

static void work(const rsess_engine *engine, int number, long times)
{
    char cookie[256] = "", value[64];
    long round;

    for (round = 0; round < times; round++) {
        rsess_session *session = NULL;
        rsess_buf found = {NULL, 0, 0}, header = {NULL, 0, 0};
        int len = snprintf(value, sizeof value, "\"%d %ld\"", number, round - 1);

        must("load", rsess_session_load(engine, cookie, strlen(cookie), rsess_now_unix_ms(),
                                        &session, NULL));
        if (round > 0) {
            must("get", rsess_session_get(session, "at", 2, &found));
            if (strcmp(found.ptr, value) != 0) {
                fprintf(stderr, "worker %d: another session\n", number);
                exit(EXIT_FAILURE);
            }
        }
        len = snprintf(value, sizeof value, "\"%d %ld\"", number, round);
        must("put", rsess_session_put(session, "at", 2, value, (size_t)len));
        must("commit", rsess_session_commit(session, rsess_now_unix_ms(), &header, NULL));
        snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(header.ptr, ";"), header.ptr);
        rsess_buf_free(&header);
        rsess_buf_free(&found);
        rsess_session_free(session);
    }
}

int main(int argc, char **argv)
{
    rsess_config *config = NULL;
    rsess_engine *engine = NULL;
    int number, failed = 0;

    if (argc != 3) {
        return EXIT_FAILURE;
    }
    must("config", rsess_config_new(&config));
    set(config, "secret", "a-secret-for-tests-of-32-bytes!!");
    set(config, "driver", "redis");
    set(config, "redis.url", argv[1]);
    set(config, "redis.deadlineMs", "20000");
    must("engine", rsess_engine_new(config, &engine, NULL));
    rsess_config_free(config);

    for (number = 0; number < WORKERS; number++) {
        if (fork() == 0) {
            work(engine, number, atol(argv[2]));
            rsess_engine_free(engine);
            exit(EXIT_SUCCESS);
        }
    }
    for (number = 0; number < WORKERS; number++) {
        int status = 0;
        wait(&status);
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS;
    }
    /* The parent's own use comes after that of its children, and is of another copy. */
    work(engine, WORKERS, 10);
    if (fork() == 0) {
        rsess_session *session = NULL;
        rsess_buf header = {NULL, 0, 0};
        must("fresh", rsess_session_load(engine, NULL, 0, 0, &session, NULL));
        must("put", rsess_session_put(session, "a", 1, "1", 1));
        if (rsess_session_commit(session, 0, &header, NULL) != RSESS_ERR_FORKED) {
            exit(EXIT_FAILURE);
        }
        rsess_session_free(session);
        rsess_engine_free(engine);
        exit(EXIT_SUCCESS);
    } else {
        int status = 0;
        wait(&status);
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS;
    }
    work(engine, WORKERS, 10);
    rsess_engine_free(engine);
    printf("%d workers, %d failed\n", WORKERS, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
