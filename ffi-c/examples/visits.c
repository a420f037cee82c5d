/*
 * Counts visits in a session, as a CGI program: one request, and no event loop.
 *
 *   REDIS_URL=redis://127.0.0.1:6379 SESSION_SECRET=.. HTTP_COOKIE="sid=.." ./visits
 *
 * The other files that are called visits do the same in other languages, and all of them share
 * one session: each counts under the name of its language.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rudder_session.h"

/* Stops the program if somebody is at fault: a visitor must not get a fresh session then. */
static void expect(const char *step, rsess_status status, rsess_error *error)
{
    if (rsess_status_category(status) != RSESS_CATEGORY_NONE) {
        fprintf(stderr, "%s: %s: %s\n", step, rsess_status_name(status),
                rsess_error_message(error));
        rsess_error_free(error);
        puts("Status: 503 Service Unavailable\n");
        exit(EXIT_FAILURE);
    }
}

static void set(rsess_config *config, const char *key, const char *value)
{
    rsess_error *error = NULL;
    expect(key, rsess_config_set(config, key, strlen(key), value, strlen(value), &error), error);
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

static rsess_engine *make_engine(void)
{
    rsess_config *config = NULL;
    rsess_engine *engine = NULL;
    rsess_error *error = NULL;

    expect("config", rsess_config_new(&config), NULL);
    set(config, "driver", "redis");
    set(config, "redis.url", environment("REDIS_URL"));
    set(config, "secret", environment("SESSION_SECRET"));
    set(config, "cookie.name", "sid");
    expect("engine", rsess_engine_new(config, &engine, &error), error);
    rsess_config_free(config);
    return engine;
}

static void count_visit(rsess_session *session)
{
    rsess_buf visits = {NULL, 0, 0};
    char counted[32];
    int len;

    expect("get", rsess_session_get(session, "c", 1, &visits), NULL);
    len = snprintf(counted, sizeof counted, "%d", (visits.ptr ? atoi(visits.ptr) : 0) + 1);
    expect("put", rsess_session_put(session, "c", 1, counted, (size_t)len), NULL);
    rsess_buf_free(&visits);
}

int main(void)
{
    const char *cookie = environment("HTTP_COOKIE");
    rsess_engine *engine = make_engine();
    rsess_session *session = NULL;
    rsess_error *error = NULL;
    rsess_buf set_cookie = {NULL, 0, 0}, data = {NULL, 0, 0};

    expect("load", rsess_session_load(engine, cookie, strlen(cookie), rsess_now_unix_ms(),
                                      &session, &error), error);
    count_visit(session);
    expect("commit", rsess_session_commit(session, rsess_now_unix_ms(), &set_cookie, &error),
           error);
    expect("data", rsess_session_data(session, &data), NULL);

    if (set_cookie.ptr != NULL) {
        printf("Set-Cookie: %s\nCache-Control: no-store\n", set_cookie.ptr);
    }
    printf("Content-Type: application/json\n\n%s\n", data.ptr);

    rsess_buf_free(&data);
    rsess_buf_free(&set_cookie);
    rsess_session_free(session);
    rsess_engine_free(engine);
    return EXIT_SUCCESS;
}
