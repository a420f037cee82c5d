/*
 * Feeds bytes of any kind through the C functions, under libFuzzer and AddressSanitizer.
 *
 *   input = steps; a step is one byte that chooses a call, one for the length of its text, text
 *
 * Every status is right; what must not happen is a crash, a lost byte, a panic, or a result on an
 * error. `make test-c-fuzz` builds and runs it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rudder_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rsess_engine *engines[2];
static rsess_codec *codec;
/* Whether the session may have been ended from elsewhere. */
static bool may_be_over;

/* A text of the input, in memory of its own, so that one byte too far is noticed. */
struct text {
    char *ptr;
    size_t len;
};

static void must(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static bool is_sound(rsess_status status)
{
    must(status != RSESS_ERR_PANIC && status != RSESS_ERR_POISONED);
    return status == RSESS_OK;
}

static void set(rsess_config *config, const char *key, const char *value)
{
    must(rsess_config_set(config, key, strlen(key), value, strlen(value), NULL) == RSESS_OK);
}

static rsess_engine *make_engine(const char *driver)
{
    rsess_config *config = NULL;
    rsess_engine *engine = NULL;

    must(rsess_config_new(&config) == RSESS_OK);
    set(config, "secret", "secret");
    set(config, "cookie.name", "s");
    set(config, "driver", driver);
    set(config, "users", "true");
    set(config, "users.maxSessions", "3");
    set(config, "users.store.driver", "memory");
    must(rsess_engine_new(config, &engine, NULL) == RSESS_OK);
    rsess_config_free(config);
    return engine;
}

static void set_up(void)
{
    const rsess_slice secret = {"secret", 6};
    if (codec == NULL) {
        must(rsess_codec_new(&secret, 1, &codec) == RSESS_OK);
        engines[0] = make_engine("cookie");
        engines[1] = make_engine("memory");
    }
}

static struct text take(const uint8_t **data, size_t *size)
{
    struct text text = {NULL, 0};
    if (*size > 0) {
        /* Lengths that are not short: powers of two, so that a byte reaches 4 KiB. */
        size_t wanted = **data < 128 ? **data : (size_t)(**data - 127) * 32;
        *data += 1;
        *size -= 1;
        text.len = wanted < *size ? wanted : *size;
        text.ptr = malloc(text.len ? text.len : 1);
        memcpy(text.ptr, *data, text.len);
        *data += text.len;
        *size -= text.len;
    }
    return text;
}

/* A result is there exactly if the status says so. */
static void finish(rsess_status status, rsess_buf *buf)
{
    must(is_sound(status) || status == RSESS_OLD_REMAINS || buf->ptr == NULL);
    must(buf->ptr == NULL || buf->ptr[buf->len] == '\0');
    rsess_buf_free(buf);
}

/* What was committed is found again, if its cookie comes back. */
static rsess_session *again(rsess_engine *engine, rsess_session *session, uint64_t now)
{
    rsess_buf header = {NULL, 0, 0}, before = {NULL, 0, 0}, after = {NULL, 0, 0};
    rsess_session *next = NULL;
    rsess_status status = rsess_session_commit(session, now, &header, NULL);

    if (is_sound(status) && header.ptr != NULL) {
        size_t len = strcspn(header.ptr, ";");
        must(rsess_session_data(session, &before) == RSESS_OK);
        must(rsess_session_load(engine, header.ptr, len, now, &next, NULL) == RSESS_OK);
        must(rsess_session_data(next, &after) == RSESS_OK);
        if (may_be_over && rsess_session_refusal(next) == RSESS_NOT_FOUND) {
            must(rsess_session_is_fresh(next));
        } else if (header.ptr[2] != ';') {
            must(before.len == after.len && memcmp(before.ptr, after.ptr, after.len) == 0);
        }
        rsess_session_free(session);
        session = next;
    }
    rsess_buf_free(&after);
    rsess_buf_free(&before);
    finish(status, &header);
    return session;
}

static void settings(struct text key, struct text value)
{
    rsess_config *config = NULL;
    rsess_error *error = NULL;
    must(rsess_config_new(&config) == RSESS_OK);
    bool is_good = is_sound(
        rsess_config_set(config, key.ptr, key.len, value.ptr, value.len, &error));
    must(is_good == (error == NULL));
    must(is_good || strlen(rsess_error_message(error)) > 0);
    rsess_error_free(error);
    rsess_config_free(config);
}

static void low_level(uint8_t choice, struct text one, struct text two)
{
    rsess_buf buf = {NULL, 0, 0}, other = {NULL, 0, 0};
    rsess_slice slice = {NULL, 0};

    switch (choice % 8) {
    case 0: is_sound(rsess_codec_verify(codec, one.ptr, one.len, &slice)); break;
    case 1: finish(rsess_codec_decode(codec, one.ptr, one.len, 0, false, &buf), &buf); break;
    case 2: is_sound(rsess_cookie_find(one.ptr, one.len, two.ptr, two.len, &slice)); break;
    case 3: finish(rsess_payload_get(one.ptr, one.len, two.ptr, two.len, &buf), &buf); break;
    case 4:
        finish(rsess_payload_put(one.ptr, one.len, "k", 1, two.ptr, two.len, &buf), &buf);
        break;
    case 5:
        finish(rsess_payload_take_flash(one.ptr, one.len, &buf, &other), &buf);
        rsess_buf_free(&other);
        break;
    case 6: {
        rsess_status status = rsess_codec_encode(codec, one.ptr, one.len, 1, &buf);
        if (is_sound(status)) {
            must(rsess_codec_decode(codec, buf.ptr, buf.len, 1, true, &other) == RSESS_OK);
        }
        rsess_buf_free(&other);
        finish(status, &buf);
        break;
    }
    default: finish(rsess_codec_sign(codec, one.ptr, one.len, &buf), &buf);
    }
    must(slice.ptr == NULL || slice.len <= one.len);
}

/* A list is there exactly if the status says so, and begins and ends as an array. */
static void finish_list(rsess_status status, rsess_buf *buf)
{
    must(buf->ptr == NULL || (buf->ptr[0] == '[' && buf->ptr[buf->len - 1] == ']'));
    finish(status, buf);
}

static void users(uint8_t choice, rsess_engine *engine, rsess_session *session, struct text one,
                  struct text two, uint64_t now)
{
    rsess_buf buf = {NULL, 0, 0};
    size_t count = 0;

    switch (choice % 8) {
    case 0:
    case 1:
        is_sound(rsess_session_sign_in(session, one.ptr, one.len, two.ptr, two.len, now, NULL));
        break;
    case 2: finish_list(rsess_session_devices(session, now, &buf, NULL), &buf); break;
    case 3: is_sound(rsess_session_revoke(session, one.ptr, one.len, now, NULL)); break;
    case 4: is_sound(rsess_session_revoke_others(session, now, &count, NULL)); break;
    case 5: is_sound(rsess_session_revoke_all(session, now, &count, NULL)); break;
    case 6: {
        rsess_status status = rsess_session_sign_out(session, now, NULL);
        must(is_sound(status));
        must(rsess_session_devices(session, now, &buf, NULL) == RSESS_OK && buf.len == 2);
        finish_list(RSESS_OK, &buf);
        break;
    }
    default:
        may_be_over = true;
        is_sound(rsess_engine_user_revoke(engine, one.ptr, one.len, two.ptr, two.len, now, NULL));
        is_sound(rsess_engine_user_revoke_all(engine, one.ptr, one.len, now, &count, NULL));
        finish_list(rsess_engine_user_devices(engine, one.ptr, one.len, now, &buf, NULL), &buf);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t now = 0;
    set_up();
    may_be_over = false;
    if (size < 2) {
        return 0;
    }
    rsess_engine *engine = engines[data[0] & 1];
    rsess_session *session = NULL;
    data += 1;
    size -= 1;
    struct text header = take(&data, &size);
    must(rsess_session_load(engine, header.ptr, header.len, now, &session, NULL) == RSESS_OK);
    free(header.ptr);

    while (size > 0) {
        uint8_t choice = *data;
        data += 1;
        size -= 1;
        struct text key = take(&data, &size), value = take(&data, &size);
        rsess_buf buf = {NULL, 0, 0};

        switch (choice < 208 ? choice % 13 : 13) {
        case 0:
        case 1: is_sound(rsess_session_put(session, key.ptr, key.len, value.ptr, value.len)); break;
        case 2:
            is_sound(rsess_session_flash(session, key.ptr, key.len, value.ptr, value.len));
            break;
        case 3: finish(rsess_session_get(session, key.ptr, key.len, &buf), &buf); break;
        case 4: finish(rsess_session_get_flash(session, key.ptr, key.len, &buf), &buf); break;
        case 5: is_sound(rsess_session_forget(session, key.ptr, key.len)); break;
        case 6: is_sound(rsess_session_keep(session, key.ptr, key.len)); break;
        case 7: is_sound(rsess_session_regenerate(session)); break;
        case 8: is_sound(rsess_session_destroy(session)); break;
        case 9: settings(key, value); break;
        case 10: now += (uint64_t)key.len * 600000; break;
        case 11: low_level(choice, key, value); break;
        case 13: users(choice, engine, session, key, value, now); break;
        default: session = again(engine, session, now);
        }
        free(key.ptr);
        free(value.ptr);
    }
    rsess_session_free(session);
    return 0;
}
