/*
 * Forks a server with a store in it, as nginx, gunicorn and PHP-FPM do.
 *
 *   fork redis+unix:///path/to/socket   the store is made before the fork, used after it
 *   fork /path/to/file                  the store is made before the fork: it stays the parent's
 *
 * It ends with 0 if every process saw its own sessions only; else it says what went wrong, and
 * ends with 1.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rudder_session.h"

#define CHILDREN 4
#define SESSIONS 300
#define TTL_SECONDS 60

static int process_number = -1;

/* Stops this process unless a call came to what it should. */
static void expect(const char *step, rsess_status expected, rsess_status status)
{
    if (status != expected) {
        fprintf(stderr, "process %d: %s: %s, not %s\n", process_number, step,
                rsess_status_name(status), rsess_status_name(expected));
        exit(EXIT_FAILURE);
    }
}

static void expect_same(const char *step, const rsess_buf *expected, const rsess_buf *found)
{
    if (found->len != expected->len || memcmp(found->ptr, expected->ptr, found->len) != 0) {
        /* Not what it is: it may be another user's. */
        fprintf(stderr, "process %d: %s: another payload\n", process_number, step);
        exit(EXIT_FAILURE);
    }
}

/* A session that nobody else has: its number is in it. */
static rsess_buf make_payload(const rsess_buf *id, int number)
{
    char owner[64];
    rsess_buf fresh, payload;
    int len = snprintf(owner, sizeof owner, "\"process %d, session %d\"", process_number, number);

    expect("payload", RSESS_OK, rsess_payload_new(id->ptr, id->len, &fresh));
    expect("put", RSESS_OK,
           rsess_payload_put(fresh.ptr, fresh.len, "owner", 5, owner, (size_t)len, &payload));
    rsess_buf_free(&fresh);
    return payload;
}

/* Saves and loads many sessions; each must come back as it was saved. */
static void use_store(const rsess_store *store)
{
    rsess_buf ids[SESSIONS], payloads[SESSIONS];
    int n;

    for (n = 0; n < SESSIONS; n++) {
        rsess_buf loaded;
        expect("id", RSESS_OK, rsess_session_id_random(&ids[n]));
        payloads[n] = make_payload(&ids[n], n);
        expect("create", RSESS_OK,
               rsess_store_create(store, payloads[n].ptr, payloads[n].len, TTL_SECONDS,
                                  rsess_now_unix_ms()));
        expect("load", RSESS_OK,
               rsess_store_load(store, ids[n].ptr, ids[n].len, rsess_now_unix_ms(), &loaded));
        expect_same("load", &payloads[n], &loaded);
        rsess_buf_free(&loaded);
    }
    /* Once more, when the other processes have written all of theirs, too. */
    for (n = 0; n < SESSIONS; n++) {
        rsess_buf loaded;
        expect("load again", RSESS_OK,
               rsess_store_load(store, ids[n].ptr, ids[n].len, rsess_now_unix_ms(), &loaded));
        expect_same("load again", &payloads[n], &loaded);
        rsess_buf_free(&loaded);
        rsess_buf_free(&payloads[n]);
        rsess_buf_free(&ids[n]);
    }
}

static void expect_forked(const rsess_store *store)
{
    rsess_figures figures;
    rsess_buf loaded;

    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    expect("load in a child", RSESS_ERR_FORKED, rsess_store_load(store, "a", 1, 0, &loaded));
    expect("figures in a child", RSESS_ERR_FORKED, rsess_store_figures(store, &figures));
}

/* Runs `work` in as many children at once, and waits for all of them. */
static void in_children(int children, void (*work)(rsess_store *, const char *),
                        rsess_store *store, const char *place)
{
    pid_t pids[CHILDREN];
    int n;

    /* Or each child would print once more what is waiting here. */
    fflush(stdout);
    for (n = 0; n < children; n++) {
        pids[n] = fork();
        if (pids[n] < 0) {
            perror("fork");
            exit(EXIT_FAILURE);
        }
        if (pids[n] == 0) {
            process_number = n;
            work(store, place);
            exit(EXIT_SUCCESS);
        }
    }
    for (n = 0; n < children; n++) {
        int status;
        if (waitpid(pids[n], &status, 0) != pids[n] || !WIFEXITED(status)
            || WEXITSTATUS(status) != EXIT_SUCCESS) {
            fprintf(stderr, "process %d failed\n", n);
            exit(EXIT_FAILURE);
        }
    }
}

static void serve(rsess_store *store, const char *place)
{
    (void)place;
    use_store(store);
    rsess_store_free(store);
}

static void meet_used_store(rsess_store *store, const char *place)
{
    (void)place;
    expect_forked(store);
    rsess_store_free(store);
}

static void expect_in_use(const char *step, const char *file)
{
    rsess_store *own = NULL;

    expect(step, RSESS_ERR_FILE_IN_USE,
           rsess_store_new_file(file, strlen(file), RSESS_DURABILITY_IMMEDIATE, 0, &own));
}

static void meet_file(rsess_store *store, const char *place)
{
    expect_forked(store);
    expect_in_use("open the file again", place);
    /* The lock on the file is shared with the parent: to close it here would undo both. */
    rsess_store_free(store);
    expect_in_use("open the file after the free", place);
}

int main(int argc, char **argv)
{
    rsess_store *store = NULL;
    const char *place = argc > 1 ? argv[1] : "";
    const bool is_redis = strncmp(place, "redis", 5) == 0;

    if (is_redis) {
        expect("redis store", RSESS_OK,
               rsess_store_new_redis(place, strlen(place), NULL, 0, NULL, 0, 0, 5000, &store));
        in_children(CHILDREN, serve, store, place);
        printf("each child saw its own sessions\n");
    } else {
        expect("file store", RSESS_OK,
               rsess_store_new_file(place, strlen(place), RSESS_DURABILITY_EVENTUAL, 0, &store));
    }

    use_store(store);
    in_children(1, is_redis ? meet_used_store : meet_file, store, place);
    printf("a child was kept out of a store in use\n");

    use_store(store);
    rsess_store_free(store);
    printf("the parent went on\n");
    return EXIT_SUCCESS;
}
