/*
 * rudder_session.hpp - rudder_session.h for C++17: objects that free themselves, errors that
 * are exceptions.
 *
 *   rudder::Config config;
 *   config.set("secret", secret).set("driver", "redis").set("redis.url", url);
 *   rudder::Engine engine(config);                                        once
 *
 *   rudder::Session session = engine.load(cookie_header);                 for each request
 *   session.put("user", "\"alice\"");
 *   if (auto header = session.commit(); header) response.add("Set-Cookie", *header);
 *
 * Values are JSON text. What each call means is in rudder_session.h, whose names are the same.
 *
 * SPDX-License-Identifier: MIT
 */

#ifndef RUDDER_SESSION_HPP
#define RUDDER_SESSION_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "rudder_session.h"

namespace rudder {

/* Milliseconds since the Unix epoch. */
inline std::uint64_t now() { return rsess_now_unix_ms(); }

/* What went wrong, as an rsess_error says it. */
class Error : public std::runtime_error {
public:
    Error(rsess_status status, const std::string &message)
        : std::runtime_error(message), status_(status) {}

    rsess_status status() const noexcept { return status_; }
    rsess_category category() const noexcept { return rsess_status_category(status_); }
    bool is_retryable() const noexcept { return rsess_status_is_retryable(status_); }

private:
    rsess_status status_;
};

namespace detail {

template <auto Free> struct Freed {
    template <typename T> void operator()(T *object) const noexcept { Free(object); }
};

/* An object of the library's, which is freed by its own function. */
template <typename T, auto Free> using Handle = std::unique_ptr<T, Freed<Free>>;

/* Calls a function that explains itself; a fault becomes an exception. */
template <typename Call> rsess_status explained(Call &&call) {
    rsess_error *error = nullptr;
    const rsess_status status = call(&error);
    const Handle<rsess_error, rsess_error_free> owner(error);
    if (rsess_status_category(status) != RSESS_CATEGORY_NONE) {
        throw Error(status, error ? rsess_error_message(error) : rsess_status_name(status));
    }
    return status;
}

/* The same for a function that has only its status to say it with. */
inline rsess_status checked(rsess_status status) {
    return explained([&](rsess_error **) { return status; });
}

/* Calls a function that fills in a buffer: its contents, or none with any status but RSESS_OK. */
template <typename Call> std::optional<std::string> filled(Call &&call) {
    struct Buffer : rsess_buf {
        Buffer() : rsess_buf{nullptr, 0, 0} {}
        Buffer(const Buffer &) = delete;
        Buffer &operator=(const Buffer &) = delete;
        ~Buffer() { rsess_buf_free(this); }
    } buffer;
    if (checked(call(&buffer)) != RSESS_OK) {
        return std::nullopt;
    }
    return std::string(buffer.ptr, buffer.len);
}

/* Calls a function that fills in a buffer with a list, and can explain itself. */
template <typename Call> std::string listed(Call &&call) {
    const auto list = filled([&](rsess_buf *out) {
        return explained([&](rsess_error **error) { return call(out, error); });
    });
    return list.value_or("[]");
}

/* Calls a function that counts, and can explain itself. */
template <typename Call> std::size_t counted(Call &&call) {
    std::size_t count = 0;
    explained([&](rsess_error **error) { return call(&count, error); });
    return count;
}

} // namespace detail

/* The settings of an engine, by name: see rsess_config_set. */
class Config {
public:
    Config() {
        rsess_config *config = nullptr;
        detail::checked(rsess_config_new(&config));
        handle_.reset(config);
    }

    Config &set(std::string_view key, std::string_view value) {
        detail::explained([&](rsess_error **error) {
            return rsess_config_set(handle_.get(), key.data(), key.size(), value.data(),
                                    value.size(), error);
        });
        return *this;
    }

    const rsess_config *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<rsess_config, rsess_config_free> handle_;
};

/* The session of one request. */
class Session {
public:
    /* Takes over a session, as one from rsess_queue_drain. */
    explicit Session(rsess_session *session) noexcept : handle_(session) {}

    std::optional<std::string> get(std::string_view key) const {
        return detail::filled([&](rsess_buf *out) {
            return rsess_session_get(handle_.get(), key.data(), key.size(), out);
        });
    }

    std::optional<std::string> get_flash(std::string_view key) const {
        return detail::filled([&](rsess_buf *out) {
            return rsess_session_get_flash(handle_.get(), key.data(), key.size(), out);
        });
    }

    std::string data() const {
        const auto data = detail::filled(
            [&](rsess_buf *out) { return rsess_session_data(handle_.get(), out); });
        return data.value_or("{}");
    }

    void put(std::string_view key, std::string_view json) {
        detail::checked(rsess_session_put(handle_.get(), key.data(), key.size(), json.data(),
                                          json.size()));
    }

    void flash(std::string_view key, std::string_view json) {
        detail::checked(rsess_session_flash(handle_.get(), key.data(), key.size(), json.data(),
                                            json.size()));
    }

    void forget(std::string_view key) {
        detail::checked(rsess_session_forget(handle_.get(), key.data(), key.size()));
    }

    /* false if the request before has left no such value. */
    bool keep(std::string_view key) {
        const auto status = rsess_session_keep(handle_.get(), key.data(), key.size());
        return detail::checked(status) == RSESS_OK;
    }

    void clear() { detail::checked(rsess_session_clear(handle_.get())); }
    void regenerate() { detail::checked(rsess_session_regenerate(handle_.get())); }
    void destroy() { detail::checked(rsess_session_destroy(handle_.get())); }

    /* The session of a user from now on; `label` is what the user's list says of the device. */
    void sign_in(std::string_view user, std::string_view label = {},
                 std::uint64_t now_unix_ms = now()) {
        detail::explained([&](rsess_error **error) {
            return rsess_session_sign_in(handle_.get(), user.data(), user.size(), label.data(),
                                         label.size(), now_unix_ms, error);
        });
    }

    /* false if the record under the old id may still be there: see rsess_session_sign_out. */
    bool sign_out(std::uint64_t now_unix_ms = now()) {
        return detail::explained([&](rsess_error **error) {
                   return rsess_session_sign_out(handle_.get(), now_unix_ms, error);
               }) == RSESS_OK;
    }

    /* The sessions of the user, as a JSON array. */
    std::string devices(std::uint64_t now_unix_ms = now()) const {
        return detail::listed([&](rsess_buf *out, rsess_error **error) {
            return rsess_session_devices(handle_.get(), now_unix_ms, out, error);
        });
    }

    /* false if the user has no such session. */
    bool revoke(std::string_view handle, std::uint64_t now_unix_ms = now()) {
        return detail::explained([&](rsess_error **error) {
                   return rsess_session_revoke(handle_.get(), handle.data(), handle.size(),
                                               now_unix_ms, error);
               }) == RSESS_OK;
    }

    /* How many other sessions of the user were in use, and are ended. */
    std::size_t revoke_others(std::uint64_t now_unix_ms = now()) {
        return detail::counted([&](std::size_t *out, rsess_error **error) {
            return rsess_session_revoke_others(handle_.get(), now_unix_ms, out, error);
        });
    }

    /* The same with this one, which the next commit ends. */
    std::size_t revoke_all(std::uint64_t now_unix_ms = now()) {
        return detail::counted([&](std::size_t *out, rsess_error **error) {
            return rsess_session_revoke_all(handle_.get(), now_unix_ms, out, error);
        });
    }

    bool is_fresh() const noexcept { return rsess_session_is_fresh(handle_.get()); }
    bool is_dirty() const noexcept { return rsess_session_is_dirty(handle_.get()); }

    /*
     * What follows "Set-Cookie: ", or none if there is no cookie to send. `status`, if not null,
     * is RSESS_OK, RSESS_GONE or RSESS_OLD_REMAINS: see rsess_session_commit.
     */
    std::optional<std::string> commit(std::uint64_t now_unix_ms = now(),
                                      rsess_status *status = nullptr) {
        rsess_buf header = {nullptr, 0, 0};
        const auto outcome = detail::explained([&](rsess_error **error) {
            return rsess_session_commit(handle_.get(), now_unix_ms, &header, error);
        });
        if (status != nullptr) {
            *status = outcome;
        }
        if (header.ptr == nullptr) {
            return std::nullopt;
        }
        return detail::filled([&](rsess_buf *out) {
            *out = header;
            return RSESS_OK;
        });
    }

    const rsess_session *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<rsess_session, rsess_session_free> handle_;
};

/* All that the requests of an application share. A copy is one more share of the same engine. */
class Engine {
public:
    explicit Engine(const Config &config) {
        rsess_engine *engine = nullptr;
        detail::explained([&](rsess_error **error) {
            return rsess_engine_new(config.get(), &engine, error);
        });
        handle_.reset(engine);
    }

    Engine(const Engine &other) {
        rsess_engine *engine = nullptr;
        detail::checked(rsess_engine_share(other.get(), &engine));
        handle_.reset(engine);
    }

    Engine(Engine &&) noexcept = default;

    Engine &operator=(Engine other) noexcept {
        handle_ = std::move(other.handle_);
        return *this;
    }

    /* Reads the secrets anew from their files and variables. If it throws they stay as they were. */
    void reload() const {
        detail::explained(
            [&](rsess_error **error) { return rsess_engine_reload(handle_.get(), error); });
    }

    /* Whether a secret is easy to guess, for a warning at the start. */
    bool has_weak_secret() const { return rsess_engine_has_weak_secret(handle_.get()); }

    Session load(std::string_view cookie_header, std::uint64_t now_unix_ms = now()) const {
        rsess_session *session = nullptr;
        detail::explained([&](rsess_error **error) {
            return rsess_session_load(handle_.get(), cookie_header.data(), cookie_header.size(),
                                      now_unix_ms, &session, error);
        });
        return Session(session);
    }

    /* The sessions of any user, as a JSON array: for administrators, as the two below. */
    std::string user_devices(std::string_view user, std::uint64_t now_unix_ms = now()) const {
        return detail::listed([&](rsess_buf *out, rsess_error **error) {
            return rsess_engine_user_devices(handle_.get(), user.data(), user.size(),
                                             now_unix_ms, out, error);
        });
    }

    /* false if the user has no such session. */
    bool user_revoke(std::string_view user, std::string_view handle,
                     std::uint64_t now_unix_ms = now()) const {
        return detail::explained([&](rsess_error **error) {
                   return rsess_engine_user_revoke(handle_.get(), user.data(), user.size(),
                                                   handle.data(), handle.size(), now_unix_ms,
                                                   error);
               }) == RSESS_OK;
    }

    /* How many sessions of the user were in use, and are ended. */
    std::size_t user_revoke_all(std::string_view user, std::uint64_t now_unix_ms = now()) const {
        return detail::counted([&](std::size_t *out, rsess_error **error) {
            return rsess_engine_user_revoke_all(handle_.get(), user.data(), user.size(),
                                                now_unix_ms, out, error);
        });
    }

    const rsess_engine *get() const noexcept { return handle_.get(); }

private:
    detail::Handle<rsess_engine, rsess_engine_free> handle_;
};

} // namespace rudder

#endif /* RUDDER_SESSION_HPP */
