/*
 * Signs, verifies, encodes and decodes a session, and keeps it in a store.
 *
 *   session                          the store is in memory
 *   session redis://127.0.0.1:6379   the store is in Redis
 *   session /path/to/sessions.redb   the store is in that file
 *
 * Any C99 compiler takes this: no part of it needs POSIX. It ends with 0 if every step gave
 * what it should; else it says which did not, and ends with 1.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rudder_session.h"

#define TTL_SECONDS 7200
#define LIFETIME_MINUTES 120.0

/* Stops the program unless a call came to what it should. */
static void expect(const char *step, rsess_status expected, rsess_status status)
{
    if (status != expected) {
        fprintf(stderr, "%s: %s, not %s%s\n", step, rsess_status_name(status),
                rsess_status_name(expected),
                rsess_status_is_retryable(status) ? " (try again later)" : "");
        exit(EXIT_FAILURE);
    }
}

static void expect_text(const char *step, const char *expected, const char *text, size_t len)
{
    if (len != strlen(expected) || memcmp(text, expected, len) != 0) {
        fprintf(stderr, "%s: %.*s, not %s\n", step, (int)len, text, expected);
        exit(EXIT_FAILURE);
    }
}

static rsess_slice slice(const char *text)
{
    rsess_slice it;
    it.ptr = text;
    it.len = strlen(text);
    return it;
}

/* The secret of the application; an old one still verifies. */
static rsess_codec *make_codec(void)
{
    rsess_slice secrets[2];
    rsess_codec *codec = NULL;
    rsess_buf secret;
    const char *configured = " the-secret-of-this-application ";

    expect("secret", RSESS_OK,
           rsess_secret_resolve(configured, strlen(configured), NULL, 0, &secret));
    secrets[0].ptr = secret.ptr;
    secrets[0].len = secret.len;
    secrets[1] = slice("the-secret-before-that");
    expect("codec", RSESS_OK, rsess_codec_new(secrets, 2, &codec));
    rsess_buf_free(&secret);
    return codec;
}

/* Any text can be signed. Who changes a signed text is found out. */
static void sign_and_verify(const rsess_codec *codec)
{
    rsess_buf signed_text;
    rsess_slice value;

    expect("sign", RSESS_OK, rsess_codec_sign(codec, "hello", 5, &signed_text));
    expect("verify", RSESS_OK,
           rsess_codec_verify(codec, signed_text.ptr, signed_text.len, &value));
    expect_text("verify", "hello", value.ptr, value.len);

    signed_text.ptr[0] = 'j';
    expect("verify a changed text", RSESS_ERR_BAD_SIGNATURE,
           rsess_codec_verify(codec, signed_text.ptr, signed_text.len, &value));
    rsess_buf_free(&signed_text);
    printf("signed and verified\n");
}

/* A new session with one value in it. */
static rsess_buf make_payload(const char *id, size_t id_len)
{
    rsess_buf fresh, payload;

    expect("payload", RSESS_OK, rsess_payload_new(id, id_len, &fresh));
    expect("put", RSESS_OK,
           rsess_payload_put(fresh.ptr, fresh.len, "user", 4, "\"alice\"", 7, &payload));
    rsess_buf_free(&fresh);
    return payload;
}

static void expect_user(const rsess_buf *payload)
{
    rsess_buf user;

    expect("get", RSESS_OK, rsess_payload_get(payload->ptr, payload->len, "user", 4, &user));
    expect_text("get", "\"alice\"", user.ptr, user.len);
    rsess_buf_free(&user);
}

/* The whole session travels in the cookie. */
static void encode_and_decode(const rsess_codec *codec, const rsess_buf *payload)
{
    const uint64_t now = rsess_now_unix_ms();
    const uint64_t expires_at = now + (uint64_t)TTL_SECONDS * 1000;
    rsess_buf value, decoded;

    expect("encode", RSESS_OK,
           rsess_codec_encode(codec, payload->ptr, payload->len, expires_at, &value));
    expect("decode", RSESS_OK,
           rsess_codec_decode(codec, value.ptr, value.len, expires_at, true, &decoded));
    expect_user(&decoded);
    rsess_buf_free(&decoded);

    expect("decode too late", RSESS_ERR_EXPIRED,
           rsess_codec_decode(codec, value.ptr, value.len, expires_at + 1, true, &decoded));
    rsess_buf_free(&value);
    printf("encoded and decoded\n");
}

static rsess_cookie_config cookie_config(void)
{
    rsess_cookie_config cookie;
    cookie.name = slice("sid");
    cookie.path = slice("/");
    cookie.same_site = RSESS_SAME_SITE_LAX;
    cookie.secure = true;
    cookie.http_only = true;
    return cookie;
}

/* The session stays in the store, and its signed id travels in the cookie. */
static void create_and_load(const rsess_codec *codec, const rsess_store *store,
                            const rsess_buf *id, const rsess_buf *payload)
{
    const uint64_t now = rsess_now_unix_ms();
    const rsess_cookie_config cookie = cookie_config();
    rsess_buf value, header, same_id, loaded;
    rsess_slice found;

    /* The first request: make the session, send its id. */
    expect("create", RSESS_OK,
           rsess_store_create(store, payload->ptr, payload->len, TTL_SECONDS, now));
    expect("create again", RSESS_EXISTS,
           rsess_store_create(store, payload->ptr, payload->len, TTL_SECONDS, now));
    expect("encode id", RSESS_OK, rsess_codec_encode_id(codec, id->ptr, id->len, &value));
    expect("set cookie", RSESS_OK,
           rsess_set_cookie(&cookie, value.ptr, value.len, LIFETIME_MINUTES, &header));
    printf("Set-Cookie: sid=...%s\n", strchr(header.ptr, ';'));

    /* The next request: what browsers send back is the part before the first semicolon. */
    *strchr(header.ptr, ';') = '\0';
    expect("find", RSESS_OK,
           rsess_cookie_find(header.ptr, strlen(header.ptr), "sid", 3, &found));
    expect("decode id", RSESS_OK, rsess_codec_decode_id(codec, found.ptr, found.len, &same_id));
    expect("load", RSESS_OK, rsess_store_load(store, same_id.ptr, same_id.len, now, &loaded));
    expect_user(&loaded);

    /* It changed nothing, so there is nothing to save: the session only lives on. */
    expect("touch", RSESS_OK,
           rsess_store_touch(store, same_id.ptr, same_id.len, TTL_SECONDS, now));
    rsess_buf_free(&loaded);
    rsess_buf_free(&same_id);
    rsess_buf_free(&header);
    rsess_buf_free(&value);
    printf("created, loaded and touched\n");
}

static rsess_buf load(const rsess_store *store, const rsess_buf *id)
{
    rsess_buf loaded;

    expect("load", RSESS_OK,
           rsess_store_load(store, id->ptr, id->len, rsess_now_unix_ms(), &loaded));
    return loaded;
}

static rsess_status update(const rsess_store *store, const rsess_buf *base,
                           const rsess_buf *payload, rsess_buf *merged)
{
    return rsess_store_update(store, base->ptr, base->len, payload->ptr, payload->len,
                              TTL_SECONDS, rsess_now_unix_ms(), merged);
}

/* Two requests load the same session and change it. Neither takes back what the other did. */
static void update_twice(const rsess_store *store, const rsess_buf *id)
{
    rsess_buf base = load(store, id);
    rsess_buf with_cart, with_theme, text, merged = {NULL, 0, 0};

    expect("put", RSESS_OK,
           rsess_payload_put(base.ptr, base.len, "cart", 4, "[1,2]", 5, &with_cart));
    expect("put", RSESS_OK,
           rsess_payload_put(base.ptr, base.len, "theme", 5, "\"dark\"", 6, &with_theme));

    expect("the first update", RSESS_OK, update(store, &base, &with_cart, &merged));
    expect("the second update", RSESS_MERGED, update(store, &base, &with_theme, &merged));

    /* What is stored now is the base of what comes next. */
    expect("get", RSESS_OK, rsess_payload_get(merged.ptr, merged.len, "cart", 4, &text));
    expect_text("the other's change", "[1,2]", text.ptr, text.len);
    rsess_buf_free(&text);
    expect("forget", RSESS_OK,
           rsess_payload_forget(merged.ptr, merged.len, "theme", 5, &text));
    expect("the third update", RSESS_OK, update(store, &merged, &text, NULL));

    rsess_buf_free(&text);
    rsess_buf_free(&merged);
    rsess_buf_free(&with_theme);
    rsess_buf_free(&with_cart);
    rsess_buf_free(&base);
    printf("updated and merged\n");
}

/* A message for the next request, which takes it out. */
static void flash(const rsess_store *store, const rsess_buf *id)
{
    rsess_buf base = load(store, id);
    rsess_buf changed, messages;

    expect("flash", RSESS_OK,
           rsess_payload_flash(base.ptr, base.len, "notice", 6, "\"saved\"", 7, &changed));
    expect("update", RSESS_OK, update(store, &base, &changed, NULL));
    rsess_buf_free(&changed);
    rsess_buf_free(&base);

    base = load(store, id);
    expect("take flash", RSESS_OK,
           rsess_payload_take_flash(base.ptr, base.len, &messages, &changed));
    expect_text("take flash", "{\"notice\":\"saved\"}", messages.ptr, messages.len);
    expect("update", RSESS_OK, update(store, &base, &changed, NULL));
    rsess_buf_free(&messages);
    rsess_buf_free(&changed);
    rsess_buf_free(&base);
    printf("flashed and taken\n");
}

/* Whenever privileges change the session moves to a new id, and the old one is no good. */
static void regenerate(const rsess_store *store, rsess_buf *id)
{
    rsess_buf base = load(store, id);
    rsess_buf new_id, renamed, stored = {NULL, 0, 0}, none;
    rsess_status status;

    expect("session id", RSESS_OK, rsess_session_id_random(&new_id));
    expect("with id", RSESS_OK,
           rsess_payload_with_id(base.ptr, base.len, new_id.ptr, new_id.len, &renamed));
    status = rsess_store_regenerate(store, base.ptr, base.len, renamed.ptr, renamed.len,
                                    TTL_SECONDS, rsess_now_unix_ms(), &stored);
    if (status == RSESS_OLD_REMAINS) {
        /* The session has moved; what is left to do is to remove the old record. */
        status = rsess_store_destroy(store, id->ptr, id->len);
    }
    expect("regenerate", RSESS_OK, status);
    expect_user(&stored);
    expect("load by the old id", RSESS_NOT_FOUND,
           rsess_store_load(store, id->ptr, id->len, rsess_now_unix_ms(), &none));

    rsess_buf_free(&stored);
    rsess_buf_free(&renamed);
    rsess_buf_free(&base);
    rsess_buf_free(id);
    *id = new_id;
    printf("regenerated\n");
}

/* Logout: remove the record. What other requests still had to save is not saved. */
static void destroy(const rsess_store *store, const rsess_buf *id)
{
    const rsess_cookie_config cookie = cookie_config();
    rsess_buf base = load(store, id);
    rsess_buf changed, header, none;

    expect("destroy", RSESS_OK, rsess_store_destroy(store, id->ptr, id->len));
    expect("removal", RSESS_OK, rsess_set_cookie_removal(&cookie, LIFETIME_MINUTES, &header));
    printf("Set-Cookie: %s\n", header.ptr);

    expect("put", RSESS_OK,
           rsess_payload_put(base.ptr, base.len, "cart", 4, "[]", 2, &changed));
    expect("update after destroy", RSESS_GONE, update(store, &base, &changed, NULL));
    expect("load after destroy", RSESS_NOT_FOUND,
           rsess_store_load(store, id->ptr, id->len, rsess_now_unix_ms(), &none));
    rsess_buf_free(&changed);
    rsess_buf_free(&header);
    rsess_buf_free(&base);
    printf("destroyed\n");
}

static void print_figures(const rsess_store *store)
{
    rsess_figures figures;

    memset(&figures, 0, sizeof figures);
    figures.size = sizeof figures;
    expect("figures", RSESS_OK, rsess_store_figures(store, &figures));
    printf("%d merged, %d came too late, %d foreign\n", (int)figures.merges,
           (int)figures.writes_to_gone, (int)figures.foreign_records);
}

/* In memory; in Redis, if there is a URL; in a file, if there is the path of one. */
static rsess_store *make_store(const char *place)
{
    rsess_store *store = NULL;

    if (place == NULL) {
        expect("memory store", RSESS_OK, rsess_store_new_memory(0, &store));
    } else if (strstr(place, "://") != NULL) {
        expect("redis store", RSESS_OK,
               rsess_store_new_redis(place, strlen(place), NULL, 0, NULL, 0, 0, 0, &store));
    } else {
        expect("file store", RSESS_OK,
               rsess_store_new_file(place, strlen(place), RSESS_DURABILITY_IMMEDIATE, 0, &store));
    }
    return store;
}

int main(int argc, char **argv)
{
    rsess_codec *codec = make_codec();
    rsess_store *store = make_store(argc > 1 ? argv[1] : NULL);
    rsess_buf id, payload;

    expect("session id", RSESS_OK, rsess_session_id_random(&id));
    payload = make_payload(id.ptr, id.len);

    sign_and_verify(codec);
    encode_and_decode(codec, &payload);
    create_and_load(codec, store, &id, &payload);
    update_twice(store, &id);
    flash(store, &id);
    regenerate(store, &id);
    destroy(store, &id);
    print_figures(store);

    rsess_buf_free(&payload);
    rsess_buf_free(&id);
    rsess_store_free(store);
    rsess_codec_free(codec);
    return EXIT_SUCCESS;
}
