/*
 * Does what it is told, through the C library: one request a line in, one answer a line out.
 *
 *   in    operation argument argument ..      "." for an empty text, "~" for none, else hex
 *   out   ok HEX | none | refused STATUS
 *
 * Numbers and flags are plain text. Written against include/rudder_session.h alone.
 */
#include "rudder_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGUMENTS = 12, POOL_SIZE = 1, DEADLINE_MS = 10000 };

/* Bytes that an argument stands for. */
struct text {
    char *ptr;
    size_t len;
};

static void fail(const char *why)
{
    fprintf(stderr, "vector_driver: %s\n", why);
    exit(EXIT_FAILURE);
}

/* Reads one line without its end; NULL at the end of the input. The caller frees it. */
static char *read_line(void)
{
    size_t len = 0, cap = 256;
    char *line = malloc(cap);
    int c;

    while (line != NULL && (c = getchar()) != EOF && c != '\n') {
        line[len++] = (char)c;
        if (len == cap) {
            char *grown = realloc(line, cap *= 2);
            if (grown == NULL) {
                fail("out of memory");
            }
            line = grown;
        }
    }
    if (line == NULL) {
        fail("out of memory");
    }
    if (len == 0 && feof(stdin)) {
        free(line);
        return NULL;
    }
    line[len] = '\0';
    return line;
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    if (found == NULL) {
        fail("an argument is not hex");
    }
    return (int)(found - digits);
}

/* Decodes an argument in its place: two digits never take less room than their byte. */
static struct text text(char *argument)
{
    struct text result = {argument, 0};
    const char *from = argument;

    if (strcmp(argument, "~") == 0) {
        result.ptr = NULL;
    } else if (strcmp(argument, ".") != 0) {
        for (; *from != '\0'; from += 2) {
            argument[result.len++] = (char)(digit(from[0]) * 16 + digit(from[1]));
        }
    }
    return result;
}

static void answer_ok(const char *ptr, size_t len)
{
    size_t i;

    fputs("ok ", stdout);
    for (i = 0; i < len; i++) {
        printf("%02x", (unsigned char)ptr[i]);
    }
    putchar('\n');
}

static void answer_status(rsess_status status)
{
    if (status == RSESS_NOT_FOUND) {
        puts("none");
    } else {
        printf("refused %s\n", rsess_status_name(status));
    }
}

/* Answers with a buffer of the library's, or why there is none. */
static void answer(rsess_status status, rsess_buf *buf)
{
    if (status == RSESS_OK) {
        answer_ok(buf->ptr, buf->len);
        rsess_buf_free(buf);
    } else {
        answer_status(status);
    }
}

static void with_codec(const char *operation, struct text secret, struct text value, char **rest)
{
    rsess_slice secrets;
    rsess_codec *codec = NULL;
    rsess_buf buf = {NULL, 0, 0};
    rsess_slice slice = {NULL, 0};
    rsess_status status;

    secrets.ptr = secret.ptr;
    secrets.len = secret.len;
    status = rsess_codec_new(&secrets, 1, &codec);
    if (status != RSESS_OK) {
        answer_status(status);
        return;
    }
    if (strcmp(operation, "sign") == 0) {
        answer(rsess_codec_sign(codec, value.ptr, value.len, &buf), &buf);
    } else if (strcmp(operation, "verify") == 0) {
        status = rsess_codec_verify(codec, value.ptr, value.len, &slice);
        if (status == RSESS_OK) {
            answer_ok(slice.ptr, slice.len);
        } else {
            answer_status(status);
        }
    } else if (strcmp(operation, "encode") == 0) {
        uint64_t expires_at = strtoull(rest[0], NULL, 10);
        answer(rsess_codec_encode(codec, value.ptr, value.len, expires_at, &buf), &buf);
    } else if (strcmp(operation, "decode") == 0) {
        uint64_t now = strtoull(rest[0], NULL, 10);
        bool reject_legacy = strcmp(rest[1], "true") == 0;
        answer(rsess_codec_decode(codec, value.ptr, value.len, now, reject_legacy, &buf), &buf);
    } else if (strcmp(operation, "decode_id") == 0) {
        answer(rsess_codec_decode_id(codec, value.ptr, value.len, &buf), &buf);
    } else {
        fail("no such operation");
    }
    rsess_codec_free(codec);
}

static void with_store(const char *operation, struct text url, struct text prefix, char **rest)
{
    rsess_store *store = NULL;
    rsess_buf buf = {NULL, 0, 0};
    struct text subject = text(rest[0]);
    rsess_status status = rsess_store_new_redis(url.ptr, url.len, prefix.ptr, prefix.len, NULL, 0,
                                                POOL_SIZE, DEADLINE_MS, &store);
    if (status != RSESS_OK) {
        answer_status(status);
        return;
    }
    if (strcmp(operation, "save") == 0) {
        uint64_t ttl_seconds = strtoull(rest[1], NULL, 10);
        uint64_t now = rsess_now_unix_ms();
        status = rsess_store_save(store, subject.ptr, subject.len, ttl_seconds, now);
        answer(status, &buf);
    } else if (strcmp(operation, "load") == 0) {
        status = rsess_store_load(store, subject.ptr, subject.len, rsess_now_unix_ms(), &buf);
        answer(status, &buf);
    } else if (strcmp(operation, "destroy") == 0) {
        answer(rsess_store_destroy(store, subject.ptr, subject.len), &buf);
    } else {
        fail("no such operation");
    }
    rsess_store_free(store);
}

static void set_cookie(char **arguments)
{
    struct text name = text(arguments[0]);
    struct text path = text(arguments[1]);
    struct text value = text(arguments[6]);
    rsess_buf buf = {NULL, 0, 0};
    rsess_cookie_config config;

    config.name.ptr = name.ptr;
    config.name.len = name.len;
    config.path.ptr = path.ptr;
    config.path.len = path.len;
    config.same_site = atoi(arguments[2]);
    config.secure = strcmp(arguments[3], "true") == 0;
    config.http_only = strcmp(arguments[4], "true") == 0;
    answer(rsess_set_cookie(&config, value.ptr, value.len, strtod(arguments[5], NULL), &buf), &buf);
}

static void find_cookie(char **arguments)
{
    struct text header = text(arguments[0]);
    struct text name = text(arguments[1]);
    rsess_slice value = {NULL, 0};
    rsess_status status =
        rsess_cookie_find(header.ptr, header.len, name.ptr, name.len, &value);

    if (status == RSESS_OK) {
        answer_ok(value.ptr, value.len);
    } else {
        answer_status(status);
    }
}

static void resolve_secret(char **arguments)
{
    struct text configured = text(arguments[0]);
    struct text app_key = text(arguments[1]);
    rsess_buf buf = {NULL, 0, 0};

    answer(rsess_secret_resolve(configured.ptr, configured.len, app_key.ptr, app_key.len, &buf),
           &buf);
}

int main(void)
{
    char *line;

    while ((line = read_line()) != NULL) {
        char *arguments[MAX_ARGUMENTS];
        size_t count = 0;
        char *word;

        for (word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
            if (count == MAX_ARGUMENTS) {
                fail("too many arguments");
            }
            arguments[count++] = word;
        }
        if (count == 3 && strcmp(arguments[0], "cookie_find") == 0) {
            find_cookie(arguments + 1);
        } else if (count == 8 && strcmp(arguments[0], "set_cookie") == 0) {
            set_cookie(arguments + 1);
        } else if (count == 3 && strcmp(arguments[0], "secret") == 0) {
            resolve_secret(arguments + 1);
        } else if (count >= 5 && strcmp(arguments[0], "store") == 0) {
            with_store(arguments[1], text(arguments[2]), text(arguments[3]), arguments + 4);
        } else if (count >= 4 && strcmp(arguments[0], "codec") == 0) {
            with_codec(arguments[1], text(arguments[2]), text(arguments[3]), arguments + 4);
        } else {
            fail("no such request");
        }
        fflush(stdout);
        free(line);
    }
    return EXIT_SUCCESS;
}
