/*
 * Does to the library what no program should, as far as C defines it: each ends in a status.
 *
 *   misuse           all of it; prints how many calls were refused
 *   misuse freed     reads what it has freed: a sanitizer that is there says so
 *
 * Run plain, under AddressSanitizer and UndefinedBehaviorSanitizer, and under valgrind.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rudder_session.h"

static int refused;

static void expect(const char *step, rsess_status expected, rsess_status status)
{
    if (status != expected) {
        fprintf(stderr, "%s: %s, not %s\n", step, rsess_status_name(status),
                rsess_status_name(expected));
        exit(EXIT_FAILURE);
    }
    refused += rsess_status_category(status) != RSESS_CATEGORY_NONE;
}

static void set(rsess_config *config, const char *key, const char *value)
{
    expect(key, RSESS_OK, rsess_config_set(config, key, strlen(key), value, strlen(value), NULL));
}

static rsess_engine *make_engine(const char *driver)
{
    rsess_config *config = NULL;
    rsess_engine *engine = NULL;

    expect("config", RSESS_OK, rsess_config_new(&config));
    set(config, "secret", "a-secret-for-tests-of-32-bytes!!");
    set(config, "cookie.name", "sid");
    set(config, "driver", driver);
    expect("engine", RSESS_OK, rsess_engine_new(config, &engine, NULL));
    rsess_config_free(config);
    return engine;
}

static rsess_session *load(const rsess_engine *engine, const char *cookie)
{
    rsess_session *session = NULL;
    expect("load", RSESS_OK,
           rsess_session_load(engine, cookie, strlen(cookie), rsess_now_unix_ms(), &session, NULL));
    return session;
}

static void put(rsess_session *session)
{
    expect("put", RSESS_OK, rsess_session_put(session, "a", 1, "1", 1));
}

/* An error that is asked for and one that is declined are the same refusal. */
static void refuse_settings(void)
{
    rsess_config *config = NULL;
    rsess_engine *engine = NULL;
    rsess_error *error = NULL;

    expect("config", RSESS_OK, rsess_config_new(&config));
    expect("no such setting", RSESS_ERR_CONFIG_UNKNOWN_KEY,
           rsess_config_set(config, "nonsense", 8, "x", 1, &error));
    if (error == NULL || rsess_error_status(error) != RSESS_ERR_CONFIG_UNKNOWN_KEY ||
        rsess_error_category(error) != RSESS_CATEGORY_CONFIG ||
        strlen(rsess_error_message(error)) == 0) {
        exit(EXIT_FAILURE);
    }
    rsess_error_free(error);
    expect("declined", RSESS_ERR_CONFIG_UNKNOWN_KEY,
           rsess_config_set(config, "nonsense", 8, "x", 1, NULL));
    expect("no secret", RSESS_ERR_CONFIG_SECRET, rsess_engine_new(config, &engine, NULL));
    expect("too long", RSESS_ERR_INVALID_ARGUMENT,
           rsess_config_set(config, "secret", (size_t)-1, "x", 1, NULL));
    rsess_config_free(config);
    rsess_config_free(NULL);
    rsess_engine_free(NULL);
    rsess_error_free(NULL);
}

static void refuse_texts(const rsess_session *session)
{
    rsess_buf buf = {NULL, 0, 0};
    /* Filled to the last byte, so that one byte too far is in nobody's memory. */
    char *value = malloc(3);

    memcpy(value, "\"x\"", 3);
    expect("put exactly", RSESS_OK, rsess_session_put(session, value, 3, value, 3));
    expect("cut short", RSESS_ERR_NOT_JSON, rsess_session_put(session, "k", 1, value, 2));
    expect("empty", RSESS_ERR_NOT_JSON, rsess_session_put(session, "k", 1, NULL, 0));
    expect("not UTF-8", RSESS_ERR_INVALID_ARGUMENT,
           rsess_session_put(session, "\xff", 1, value, 3));
    expect("NULL", RSESS_ERR_INVALID_ARGUMENT, rsess_session_put(session, NULL, 1, value, 3));
    expect("too long", RSESS_ERR_INVALID_ARGUMENT,
           rsess_session_put(session, value, (size_t)-1, value, 3));
    expect("no session", RSESS_ERR_INVALID_ARGUMENT, rsess_session_get(NULL, "a", 1, &buf));
    expect("no place", RSESS_ERR_INVALID_ARGUMENT, rsess_session_get(session, "a", 1, NULL));
    expect("empty key", RSESS_NOT_FOUND, rsess_session_get(session, NULL, 0, &buf));
    rsess_buf_free(&buf);
    rsess_buf_free(&buf);
    rsess_buf_free(NULL);
    free(value);
}

static void refuse_instants(const rsess_engine *engine, rsess_session *session)
{
    rsess_session *other = NULL;
    rsess_buf header = {NULL, 0, 0};
    expect("load", RSESS_ERR_INVALID_ARGUMENT,
           rsess_session_load(engine, NULL, 0, UINT64_MAX, &other, NULL));
    expect("commit", RSESS_ERR_INVALID_ARGUMENT,
           rsess_session_commit(session, UINT64_MAX, &header, NULL));
    if (other != NULL || header.ptr != NULL) {
        exit(EXIT_FAILURE);
    }
}

/* Every part may go while others are still in use. */
static void free_in_any_order(void)
{
    rsess_engine *engine = make_engine("memory"), *other = NULL;
    rsess_session *session = load(engine, "");
    rsess_buf header = {NULL, 0, 0};

    expect("share", RSESS_OK, rsess_engine_share(engine, &other));
    rsess_engine_free(engine);
    rsess_engine_free(other);
    put(session);
    expect("commit", RSESS_OK, rsess_session_commit(session, rsess_now_unix_ms(), &header, NULL));
    rsess_buf_free(&header);
    rsess_session_free(session);
    rsess_session_free(NULL);
}

static void misuse_a_queue(const rsess_engine *engine)
{
    rsess_queue *queue = NULL;
    rsess_completion done[4];
    rsess_session *session = load(engine, "");
    size_t count = 99, n;

    put(session);
    expect("queue", RSESS_OK, rsess_queue_new(&queue, NULL));
    expect("drain nothing", RSESS_OK, rsess_queue_drain(queue, done, 4, &count));
    if (count != 0) {
        exit(EXIT_FAILURE);
    }
    expect("cancel nothing", RSESS_NOT_FOUND, rsess_queue_cancel(queue, 1));
    expect("commit", RSESS_OK, rsess_queue_commit(queue, session, 0, 1, 0, NULL));
    expect("double submit", RSESS_ERR_IN_USE,
           rsess_queue_load(queue, engine, NULL, 0, 0, 1, 0, NULL));
    expect("load", RSESS_OK, rsess_queue_load(queue, engine, NULL, 0, 0, 2, 60000, NULL));
    expect("no places", RSESS_ERR_INVALID_ARGUMENT, rsess_queue_drain(queue, NULL, 4, &count));
    expect("too many places", RSESS_ERR_INVALID_ARGUMENT,
           rsess_queue_drain(queue, done, (size_t)-1, &count));
    expect("room for none", RSESS_OK, rsess_queue_drain(queue, done, 0, &count));
    expect("drain", RSESS_OK, rsess_queue_drain(queue, done, 4, &count));
    if (count != 2) {
        exit(EXIT_FAILURE);
    }
    for (n = 0; n < count; n++) {
        rsess_completion_free(&done[n]);
        rsess_completion_free(&done[n]);
    }
    rsess_completion_free(NULL);
    rsess_session_free(session);
    /* One that nobody drains. */
    expect("load", RSESS_OK, rsess_queue_load(queue, engine, NULL, 0, 0, 3, 60000, NULL));
    rsess_queue_free(queue);
    rsess_queue_free(NULL);
}

/* Reads a buffer of the library's after it was freed. */
static void use_after_free(void)
{
    rsess_buf id = {NULL, 0, 0};
    const char *kept;

    expect("id", RSESS_OK, rsess_session_id_random(&id));
    kept = id.ptr;
    rsess_buf_free(&id);
    printf("%c\n", kept[0]);
}

int main(int argc, char **argv)
{
    rsess_engine *engine;
    rsess_session *session;

    if (argc > 1 && strcmp(argv[1], "freed") == 0) {
        use_after_free();
        return EXIT_SUCCESS;
    }
    engine = make_engine("memory");
    session = load(engine, "sid=nonsense; \xff; sid");
    refuse_settings();
    refuse_texts(session);
    refuse_instants(engine, session);
    free_in_any_order();
    misuse_a_queue(engine);
    rsess_session_free(session);
    rsess_engine_free(engine);
    printf("%d refused\n", refused);
    return EXIT_SUCCESS;
}
