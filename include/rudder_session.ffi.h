/* rudder_session.h without macros, comments and includes, for PHP's FFI and Python's cffi.
   Generated: see there. */

typedef enum rsess_category {
    RSESS_CATEGORY_NONE = 0,
    RSESS_CATEGORY_CALLER = 1,
    RSESS_CATEGORY_CLIENT = 2,
    RSESS_CATEGORY_SYSTEM = 3,
    RSESS_CATEGORY_LIBRARY = 4,
    RSESS_CATEGORY_CONFIG = 5,
} rsess_category;

typedef enum rsess_status {
    RSESS_OK = 0,
    RSESS_ERR_INVALID_ARGUMENT = 1,
    RSESS_ERR_INVALID_ID = 2,
    RSESS_ERR_NOT_A_PAYLOAD = 3,
    RSESS_ERR_NOT_JSON = 4,
    RSESS_ERR_TOO_LARGE = 5,
    RSESS_ERR_FORKED = 6,
    RSESS_ERR_IN_USE = 7,
    RSESS_ERR_CANCELLED = 8,
    RSESS_ERR_TOO_MANY_SESSIONS = 9,
    RSESS_ERR_REFUSED = 10,
    RSESS_ERR_BAD_SIGNATURE = 11,
    RSESS_ERR_EXPIRED = 12,
    RSESS_ERR_LEGACY = 13,
    RSESS_ERR_MALFORMED = 14,
    RSESS_ERR_UNSIGNED = 15,
    RSESS_ERR_OTHER_FORMAT = 16,
    RSESS_ERR_STORE = 20,
    RSESS_ERR_STORE_BUSY = 21,
    RSESS_ERR_STORE_DISCONNECTED = 22,
    RSESS_ERR_STORE_PROTOCOL = 23,
    RSESS_ERR_STORE_REJECTED = 24,
    RSESS_ERR_STORE_TIMED_OUT = 25,
    RSESS_ERR_STORE_UNAVAILABLE = 26,
    RSESS_ERR_STORE_UNREACHABLE = 27,
    RSESS_ERR_RANDOMNESS = 28,
    RSESS_ERR_PANIC = 30,
    RSESS_ERR_POISONED = 31,
    RSESS_ERR_CONFIG = 40,
    RSESS_ERR_CONFIG_COOKIE_NAME = 41,
    RSESS_ERR_CONFIG_COOKIE_PATH = 42,
    RSESS_ERR_CONFIG_COOKIE_PREFIX = 43,
    RSESS_ERR_CONFIG_COOKIE_SAME_SITE = 44,
    RSESS_ERR_CONFIG_DEADLINE = 45,
    RSESS_ERR_CONFIG_LIFETIME = 46,
    RSESS_ERR_CONFIG_POOL_SIZE = 47,
    RSESS_ERR_CONFIG_REDIS_URL = 48,
    RSESS_ERR_CONFIG_SECRET = 49,
    RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER = 50,
    RSESS_ERR_CONFIG_TTL = 51,
    RSESS_ERR_CONFIG_DURABILITY = 52,
    RSESS_ERR_CONFIG_CA = 53,
    RSESS_ERR_CONFIG_UNKNOWN_KEY = 54,
    RSESS_ERR_CONFIG_VALUE = 55,
    RSESS_ERR_CONFIG_NO_USERS = 56,
    RSESS_ERR_CONFIG_SECRET_UNREADABLE = 57,
    RSESS_ERR_FILE = 60,
    RSESS_ERR_FILE_DAMAGED = 61,
    RSESS_ERR_FILE_FOREIGN = 62,
    RSESS_ERR_FILE_IN_USE = 63,
    RSESS_ERR_FILE_IO = 64,
    RSESS_ERR_STORE_CONFLICT = 70,
    RSESS_ERR_STORE_OVERLOADED = 71,
    RSESS_ERR_STORE_STORAGE = 72,
    RSESS_ERR_STORE_UNTRUSTED = 73,
    RSESS_ERR_STORE_NOT_REPLICATED = 74,
    RSESS_NOT_FOUND = 100,
    RSESS_EXISTS = 101,
    RSESS_MERGED = 102,
    RSESS_GONE = 103,
    RSESS_OLD_REMAINS = 104,
} rsess_status;

typedef enum rsess_durability {
    RSESS_DURABILITY_IMMEDIATE = 0,
    RSESS_DURABILITY_EVENTUAL = 1,
} rsess_durability;

typedef enum rsess_operation {
    RSESS_OPERATION_LOAD = 1,
    RSESS_OPERATION_COMMIT = 2,
} rsess_operation;

typedef enum rsess_same_site {
    RSESS_SAME_SITE_LAX = 0,
    RSESS_SAME_SITE_NONE = 1,
    RSESS_SAME_SITE_STRICT = 2,
} rsess_same_site;

typedef struct rsess_codec rsess_codec;

typedef struct rsess_config rsess_config;

typedef struct rsess_engine rsess_engine;

typedef struct rsess_error rsess_error;

typedef struct rsess_queue rsess_queue;

typedef struct rsess_session rsess_session;

typedef struct rsess_store rsess_store;

typedef struct rsess_buf {
    char *ptr;
    size_t len;
    size_t cap;
} rsess_buf;

typedef struct rsess_calls {
    uint64_t calls;
    uint64_t errors;
} rsess_calls;

typedef struct rsess_figures {
    size_t size;
    struct rsess_calls create;
    struct rsess_calls destroy;
    struct rsess_calls load;
    struct rsess_calls remove;
    struct rsess_calls replace;
    struct rsess_calls save;
    struct rsess_calls touch;
    uint64_t merges;
    uint64_t writes_to_gone;
    uint64_t calls_not_tried;
    uint64_t foreign_records;
    uint64_t unreadable_records;
} rsess_figures;

typedef struct rsess_completion {
    uint64_t tag;
    enum rsess_status status;
    int operation;
    struct rsess_session *session;
    struct rsess_buf set_cookie;
    struct rsess_error *error;
} rsess_completion;

typedef struct rsess_slice {
    const char *ptr;
    size_t len;
} rsess_slice;

typedef struct rsess_cookie_config {
    struct rsess_slice name;
    struct rsess_slice path;
    int same_site;
    bool secure;
    bool http_only;
} rsess_cookie_config;

enum rsess_category rsess_status_category(int status);

const char *rsess_status_name(int status);

bool rsess_status_is_retryable(int status);

bool rsess_status_is_refusal(int status);

enum rsess_status rsess_error_status(const struct rsess_error *error);

enum rsess_category rsess_error_category(const struct rsess_error *error);

bool rsess_error_is_retryable(const struct rsess_error *error);

const char *rsess_error_message(const struct rsess_error *error);

void rsess_error_free(struct rsess_error *error);

void rsess_buf_free(struct rsess_buf *buf);

enum rsess_status rsess_config_new(struct rsess_config **config_out);

enum rsess_status rsess_config_set(const struct rsess_config *config,
                                   const char *key,
                                   size_t key_len,
                                   const char *value,
                                   size_t value_len,
                                   struct rsess_error **error_out);

void rsess_config_free(struct rsess_config *config);

enum rsess_status rsess_engine_new(const struct rsess_config *config,
                                   struct rsess_engine **engine_out,
                                   struct rsess_error **error_out);

enum rsess_status rsess_engine_reload(const struct rsess_engine *engine,
                                      struct rsess_error **error_out);

bool rsess_engine_has_weak_secret(const struct rsess_engine *engine);

enum rsess_status rsess_engine_share(const struct rsess_engine *engine,
                                     struct rsess_engine **engine_out);

void rsess_engine_free(struct rsess_engine *engine);

enum rsess_status rsess_engine_figures(const struct rsess_engine *engine,
                                       struct rsess_figures *figures_out);

enum rsess_status rsess_session_load(const struct rsess_engine *engine,
                                     const char *cookie_header,
                                     size_t header_len,
                                     uint64_t now_unix_ms,
                                     struct rsess_session **session_out,
                                     struct rsess_error **error_out);

void rsess_session_free(struct rsess_session *session);

bool rsess_session_is_fresh(const struct rsess_session *session);

bool rsess_session_is_dirty(const struct rsess_session *session);

enum rsess_status rsess_session_refusal(const struct rsess_session *session);

enum rsess_status rsess_session_id(const struct rsess_session *session, struct rsess_buf *id_out);

enum rsess_status rsess_session_get(const struct rsess_session *session,
                                    const char *key,
                                    size_t key_len,
                                    struct rsess_buf *value_out);

enum rsess_status rsess_session_data(const struct rsess_session *session,
                                     struct rsess_buf *data_out);

enum rsess_status rsess_session_put(const struct rsess_session *session,
                                    const char *key,
                                    size_t key_len,
                                    const char *value_json,
                                    size_t value_len);

enum rsess_status rsess_session_forget(const struct rsess_session *session,
                                       const char *key,
                                       size_t key_len);

enum rsess_status rsess_session_clear(const struct rsess_session *session);

enum rsess_status rsess_session_flash(const struct rsess_session *session,
                                      const char *key,
                                      size_t key_len,
                                      const char *value_json,
                                      size_t value_len);

enum rsess_status rsess_session_get_flash(const struct rsess_session *session,
                                          const char *key,
                                          size_t key_len,
                                          struct rsess_buf *value_out);

enum rsess_status rsess_session_all_flash(const struct rsess_session *session,
                                          struct rsess_buf *flash_out);

enum rsess_status rsess_session_keep(const struct rsess_session *session,
                                     const char *key,
                                     size_t key_len);

enum rsess_status rsess_session_regenerate(const struct rsess_session *session);

enum rsess_status rsess_session_destroy(const struct rsess_session *session);

enum rsess_status rsess_session_sign_in(const struct rsess_session *session,
                                        const char *user,
                                        size_t user_len,
                                        const char *label,
                                        size_t label_len,
                                        uint64_t now_unix_ms,
                                        struct rsess_error **error_out);

enum rsess_status rsess_session_sign_out(const struct rsess_session *session,
                                         uint64_t now_unix_ms,
                                         struct rsess_error **error_out);

enum rsess_status rsess_session_devices(const struct rsess_session *session,
                                        uint64_t now_unix_ms,
                                        struct rsess_buf *devices_out,
                                        struct rsess_error **error_out);

enum rsess_status rsess_session_revoke(const struct rsess_session *session,
                                       const char *handle,
                                       size_t handle_len,
                                       uint64_t now_unix_ms,
                                       struct rsess_error **error_out);

enum rsess_status rsess_session_revoke_others(const struct rsess_session *session,
                                              uint64_t now_unix_ms,
                                              size_t *count_out,
                                              struct rsess_error **error_out);

enum rsess_status rsess_session_revoke_all(const struct rsess_session *session,
                                           uint64_t now_unix_ms,
                                           size_t *count_out,
                                           struct rsess_error **error_out);

enum rsess_status rsess_session_commit(const struct rsess_session *session,
                                       uint64_t now_unix_ms,
                                       struct rsess_buf *set_cookie_out,
                                       struct rsess_error **error_out);

enum rsess_status rsess_queue_new(struct rsess_queue **queue_out, struct rsess_error **error_out);

void rsess_queue_free(struct rsess_queue *queue);

enum rsess_status rsess_queue_descriptor(const struct rsess_queue *queue, int *descriptor_out);

enum rsess_status rsess_queue_load(const struct rsess_queue *queue,
                                   const struct rsess_engine *engine,
                                   const char *cookie_header,
                                   size_t header_len,
                                   uint64_t now_unix_ms,
                                   uint64_t tag,
                                   uint32_t deadline_ms,
                                   struct rsess_error **error_out);

enum rsess_status rsess_queue_commit(const struct rsess_queue *queue,
                                     const struct rsess_session *session,
                                     uint64_t now_unix_ms,
                                     uint64_t tag,
                                     uint32_t deadline_ms,
                                     struct rsess_error **error_out);

enum rsess_status rsess_queue_drain(const struct rsess_queue *queue,
                                    struct rsess_completion *completions_out,
                                    size_t capacity,
                                    size_t *count_out);

enum rsess_status rsess_queue_cancel(const struct rsess_queue *queue, uint64_t tag);

void rsess_completion_free(struct rsess_completion *completion);

enum rsess_status rsess_engine_user_devices(const struct rsess_engine *engine,
                                            const char *user,
                                            size_t user_len,
                                            uint64_t now_unix_ms,
                                            struct rsess_buf *devices_out,
                                            struct rsess_error **error_out);

enum rsess_status rsess_engine_user_revoke(const struct rsess_engine *engine,
                                           const char *user,
                                           size_t user_len,
                                           const char *handle,
                                           size_t handle_len,
                                           uint64_t now_unix_ms,
                                           struct rsess_error **error_out);

enum rsess_status rsess_engine_user_revoke_all(const struct rsess_engine *engine,
                                               const char *user,
                                               size_t user_len,
                                               uint64_t now_unix_ms,
                                               size_t *count_out,
                                               struct rsess_error **error_out);

enum rsess_status rsess_codec_new(const struct rsess_slice *secrets,
                                  size_t count,
                                  struct rsess_codec **codec_out);

void rsess_codec_free(struct rsess_codec *codec);

enum rsess_status rsess_codec_sign(const struct rsess_codec *codec,
                                   const char *value,
                                   size_t value_len,
                                   struct rsess_buf *signed_out);

enum rsess_status rsess_codec_verify(const struct rsess_codec *codec,
                                     const char *signed_text,
                                     size_t signed_len,
                                     struct rsess_slice *value_out);

enum rsess_status rsess_codec_encode(const struct rsess_codec *codec,
                                     const char *payload_json,
                                     size_t payload_len,
                                     uint64_t expires_at_unix_ms,
                                     struct rsess_buf *value_out);

enum rsess_status rsess_codec_decode(const struct rsess_codec *codec,
                                     const char *value,
                                     size_t value_len,
                                     uint64_t now_unix_ms,
                                     bool reject_legacy,
                                     struct rsess_buf *payload_out);

enum rsess_status rsess_codec_encode_id(const struct rsess_codec *codec,
                                        const char *id,
                                        size_t id_len,
                                        struct rsess_buf *value_out);

enum rsess_status rsess_codec_decode_id(const struct rsess_codec *codec,
                                        const char *value,
                                        size_t value_len,
                                        struct rsess_buf *id_out);

enum rsess_status rsess_store_new_memory(uint64_t max_bytes, struct rsess_store **store_out);

enum rsess_status rsess_store_new_file(const char *path,
                                       size_t path_len,
                                       int durability,
                                       uint32_t deadline_ms,
                                       struct rsess_store **store_out);

enum rsess_status rsess_store_new_redis(const char *url,
                                        size_t url_len,
                                        const char *prefix,
                                        size_t prefix_len,
                                        const char *ca_pem,
                                        size_t ca_pem_len,
                                        uint32_t pool_size,
                                        uint32_t deadline_ms,
                                        struct rsess_store **store_out);

void rsess_store_free(struct rsess_store *store);

enum rsess_status rsess_store_load(const struct rsess_store *store,
                                   const char *id,
                                   size_t id_len,
                                   uint64_t now_unix_ms,
                                   struct rsess_buf *payload_out);

enum rsess_status rsess_store_create(const struct rsess_store *store,
                                     const char *payload_json,
                                     size_t payload_len,
                                     uint64_t ttl_seconds,
                                     uint64_t now_unix_ms);

enum rsess_status rsess_store_save(const struct rsess_store *store,
                                   const char *payload_json,
                                   size_t payload_len,
                                   uint64_t ttl_seconds,
                                   uint64_t now_unix_ms);

enum rsess_status rsess_store_touch(const struct rsess_store *store,
                                    const char *id,
                                    size_t id_len,
                                    uint64_t ttl_seconds,
                                    uint64_t now_unix_ms);

enum rsess_status rsess_store_destroy(const struct rsess_store *store,
                                      const char *id,
                                      size_t id_len);

enum rsess_status rsess_store_update(const struct rsess_store *store,
                                     const char *base_json,
                                     size_t base_len,
                                     const char *payload_json,
                                     size_t payload_len,
                                     uint64_t ttl_seconds,
                                     uint64_t now_unix_ms,
                                     struct rsess_buf *merged_out);

enum rsess_status rsess_store_regenerate(const struct rsess_store *store,
                                         const char *base_json,
                                         size_t base_len,
                                         const char *payload_json,
                                         size_t payload_len,
                                         uint64_t ttl_seconds,
                                         uint64_t now_unix_ms,
                                         struct rsess_buf *stored_out);

enum rsess_status rsess_store_figures(const struct rsess_store *store,
                                      struct rsess_figures *figures_out);

enum rsess_status rsess_session_id_random(struct rsess_buf *id_out);

enum rsess_status rsess_payload_new(const char *id, size_t id_len, struct rsess_buf *payload_out);

enum rsess_status rsess_payload_get(const char *payload_json,
                                    size_t payload_len,
                                    const char *key,
                                    size_t key_len,
                                    struct rsess_buf *value_out);

enum rsess_status rsess_payload_put(const char *payload_json,
                                    size_t payload_len,
                                    const char *key,
                                    size_t key_len,
                                    const char *value_json,
                                    size_t value_len,
                                    struct rsess_buf *payload_out);

enum rsess_status rsess_payload_forget(const char *payload_json,
                                       size_t payload_len,
                                       const char *key,
                                       size_t key_len,
                                       struct rsess_buf *payload_out);

enum rsess_status rsess_payload_flash(const char *payload_json,
                                      size_t payload_len,
                                      const char *key,
                                      size_t key_len,
                                      const char *value_json,
                                      size_t value_len,
                                      struct rsess_buf *payload_out);

enum rsess_status rsess_payload_take_flash(const char *payload_json,
                                           size_t payload_len,
                                           struct rsess_buf *flash_out,
                                           struct rsess_buf *payload_out);

enum rsess_status rsess_payload_with_id(const char *payload_json,
                                        size_t payload_len,
                                        const char *id,
                                        size_t id_len,
                                        struct rsess_buf *payload_out);

enum rsess_status rsess_cookie_find(const char *header,
                                    size_t header_len,
                                    const char *name,
                                    size_t name_len,
                                    struct rsess_slice *value_out);

enum rsess_status rsess_set_cookie(const struct rsess_cookie_config *config,
                                   const char *value,
                                   size_t value_len,
                                   double lifetime_minutes,
                                   struct rsess_buf *header_out);

enum rsess_status rsess_set_cookie_removal(const struct rsess_cookie_config *config,
                                           double lifetime_minutes,
                                           struct rsess_buf *header_out);

enum rsess_status rsess_secret_resolve(const char *configured,
                                       size_t configured_len,
                                       const char *app_key,
                                       size_t app_key_len,
                                       struct rsess_buf *secret_out);

uint64_t rsess_now_unix_ms(void);

const char *rsess_version(void);

int rsess_abi_version(void);
