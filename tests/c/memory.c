/*
 * Signs with a secret, gives it back, and waits after each step for somebody to look into its
 * memory.
 *
 *   in    format, secret            a line each; then an empty line for each step
 *   out   has it | made | used | freed
 *
 * Written against include/rudder_session.h, and POSIX for reading without a buffer of stdio's.
 */
#include "rudder_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads one line without its end. */
static size_t read_line(char *line, size_t cap)
{
    size_t len = 0;

    while (len < cap && read(STDIN_FILENO, line + len, 1) == 1 && line[len] != '\n')
        len++;
    return len;
}

static void show(const char *step)
{
    char nothing;

    printf("%s\n", step);
    fflush(stdout);
    (void)read_line(&nothing, 1);
}

static void expect_ok(const char *call, rsess_status status)
{
    if (status != RSESS_OK) {
        fprintf(stderr, "memory: %s: %s\n", call, rsess_status_name(status));
        exit(EXIT_FAILURE);
    }
}

static void set(rsess_config *config, const char *key, const char *value, size_t len)
{
    expect_ok(key, rsess_config_set(config, key, strlen(key), value, len, NULL));
}

/* A session that is loaded, changed and sent back. */
static void visit(const rsess_engine *engine)
{
    rsess_session *session = NULL;
    rsess_buf header;

    expect_ok("load", rsess_session_load(engine, NULL, 0, rsess_now_unix_ms(), &session, NULL));
    expect_ok("put", rsess_session_put(session, "user", 4, "\"alice\"", 7));
    expect_ok("commit", rsess_session_commit(session, rsess_now_unix_ms(), &header, NULL));
    rsess_buf_free(&header);
    rsess_session_free(session);
}

int main(void)
{
    static char format[8], secret[256];
    const size_t format_len = read_line(format, sizeof format);
    const size_t secret_len = read_line(secret, sizeof secret);
    volatile char *own = secret;
    rsess_config *config = NULL;
    rsess_engine *engine = NULL;
    size_t at;

    show("has it");
    expect_ok("config", rsess_config_new(&config));
    set(config, "format", format, format_len);
    set(config, "secret", secret, secret_len);
    expect_ok("engine", rsess_engine_new(config, &engine, NULL));
    rsess_config_free(config);
    for (at = 0; at < sizeof secret; at++)
        own[at] = 0;
    show("made");
    visit(engine);
    show("used");
    rsess_engine_free(engine);
    show("freed");
    return EXIT_SUCCESS;
}
