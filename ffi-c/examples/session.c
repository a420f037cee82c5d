/*
 * Signs, verifies, encodes and decodes a session, and keeps it in a store.
 *
 *   session                          the store is in memory
 *   session redis://127.0.0.1:6379   the store is in Redis
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

/* The session stays in the store, and its signed id travels in the cookie. */
static void save_and_load(const rsess_codec *codec, const rsess_store *store,
                          const rsess_buf *id, const rsess_buf *payload)
{
    const uint64_t now = rsess_now_unix_ms();
    rsess_cookie_config cookie;
    rsess_buf value, header, same_id, loaded;
    rsess_slice found;

    cookie.name = slice("sid");
    cookie.path = slice("/");
    cookie.same_site = RSESS_SAME_SITE_LAX;
    cookie.secure = true;
    cookie.http_only = true;

    /* A request that logs somebody in: save the session, send its id. */
    expect("save", RSESS_OK,
           rsess_store_save(store, payload->ptr, payload->len, TTL_SECONDS, now));
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
    expect("touch", RSESS_OK,
           rsess_store_touch(store, same_id.ptr, same_id.len, TTL_SECONDS, now));
    rsess_buf_free(&loaded);
    rsess_buf_free(&header);
    printf("saved, loaded and touched\n");

    /* Logout: remove the record, and have the browser forget the cookie. */
    expect("destroy", RSESS_OK, rsess_store_destroy(store, same_id.ptr, same_id.len));
    expect("load after destroy", RSESS_NOT_FOUND,
           rsess_store_load(store, same_id.ptr, same_id.len, now, &loaded));
    expect("removal", RSESS_OK, rsess_set_cookie_removal(&cookie, LIFETIME_MINUTES, &header));
    printf("Set-Cookie: %s\ndestroyed\n", header.ptr);

    rsess_buf_free(&header);
    rsess_buf_free(&same_id);
    rsess_buf_free(&value);
}

int main(int argc, char **argv)
{
    rsess_codec *codec = make_codec();
    rsess_store *store = NULL;
    rsess_buf id, payload;

    if (argc > 1) {
        expect("redis store", RSESS_OK,
               rsess_store_new_redis(argv[1], strlen(argv[1]), NULL, 0, 0, 0, &store));
    } else {
        expect("memory store", RSESS_OK, rsess_store_new_memory(0, &store));
    }

    expect("session id", RSESS_OK, rsess_session_id_random(&id));
    payload = make_payload(id.ptr, id.len);

    sign_and_verify(codec);
    encode_and_decode(codec, &payload);
    save_and_load(codec, store, &id, &payload);

    rsess_buf_free(&payload);
    rsess_buf_free(&id);
    rsess_store_free(store);
    rsess_codec_free(codec);
    return EXIT_SUCCESS;
}
