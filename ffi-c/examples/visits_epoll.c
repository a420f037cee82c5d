/*
 * Counts visits in a session, as a server with an event loop: one thread, which never waits for
 * the store.
 *
 *   REDIS_URL=redis://127.0.0.1:6379 SESSION_SECRET=.. ./visits_epoll
 *   REDIS_URL=redis://127.0.0.1:6379 SESSION_SECRET_FILE=/run/secrets/session ./visits_epoll
 *
 *   socket readable --rsess_queue_load---> session loaded --rsess_queue_commit--> response
 *                                 the queue's descriptor is one more in the epoll set
 *
 * It prints the port that it listens on, and ends when its standard input does. At a SIGHUP it reads
 * the file of secrets anew. To stay short it takes a request only if it comes in one piece, and
 * closes the connection after each.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rudder_session.h"

enum { STORE_DEADLINE_MS = 2000, MAX_REQUEST = 8192, AT_ONCE = 16 };

/* A request that is under way. Its address is the tag of its operations. */
struct request {
    int socket;
    rsess_session *session;
};

static rsess_engine *engine;
static rsess_queue *queue;
static int epoll;

/* Stops the server: before it serves, a fault is one of its configuration or of the system. */
static void require(int is_good, const char *step, rsess_error *error)
{
    if (!is_good) {
        fprintf(stderr, "%s: %s\n", step, rsess_error_message(error));
        exit(EXIT_FAILURE);
    }
}

static void watch(int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0, "epoll_ctl", NULL);
}

static void set(rsess_config *config, const char *key, const char *value)
{
    rsess_error *error = NULL;
    rsess_status status = rsess_config_set(config, key, strlen(key), value ? value : "",
                                           value ? strlen(value) : 0, &error);
    require(status == RSESS_OK, key, error);
}

static void make_engine(void)
{
    rsess_config *config = NULL;
    rsess_error *error = NULL;
    int descriptor = -1;

    require(rsess_config_new(&config) == RSESS_OK, "config", NULL);
    set(config, "driver", "redis");
    set(config, "redis.url", getenv("REDIS_URL"));
    if (getenv("SESSION_SECRET_FILE") != NULL) {
        set(config, "secretFile", getenv("SESSION_SECRET_FILE"));
    } else {
        set(config, "secret", getenv("SESSION_SECRET"));
    }
    set(config, "cookie.name", "sid");
    require(rsess_engine_new(config, &engine, &error) == RSESS_OK, "engine", error);
    rsess_config_free(config);
    require(rsess_queue_new(&queue, &error) == RSESS_OK, "queue", error);
    require(rsess_queue_descriptor(queue, &descriptor) == RSESS_OK, "descriptor", NULL);
    watch(descriptor);
}

/* A SIGHUP becomes readable, so that it is read between two requests. */
static int watch_hangups(void)
{
    sigset_t signals;
    int descriptor;

    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    require(sigprocmask(SIG_BLOCK, &signals, NULL) == 0, "sigprocmask", NULL);
    descriptor = signalfd(-1, &signals, SFD_CLOEXEC);
    require(descriptor >= 0, "signalfd", NULL);
    watch(descriptor);
    return descriptor;
}

/* If the file is at fault, the keys stay what they are. */
static void reload(int hangups)
{
    struct signalfd_siginfo signal;
    rsess_error *error = NULL;

    if (read(hangups, &signal, sizeof signal) == (ssize_t)sizeof signal &&
        rsess_engine_reload(engine, &error) != RSESS_OK) {
        fprintf(stderr, "reload: %s\n", rsess_error_message(error));
        rsess_error_free(error);
    }
}

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(bind(listener, (struct sockaddr *)&address, len) == 0, "bind", NULL);
    require(listen(listener, SOMAXCONN) == 0, "listen", NULL);
    require(getsockname(listener, (struct sockaddr *)&address, &len) == 0, "getsockname", NULL);
    watch(listener);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void respond(struct request *request, const char *head, const rsess_buf *set_cookie,
                    const rsess_buf *body)
{
    dprintf(request->socket, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n", head,
            body->len);
    if (set_cookie->ptr != NULL) {
        dprintf(request->socket, "Set-Cookie: %s\r\nCache-Control: no-store\r\n",
                set_cookie->ptr);
    }
    dprintf(request->socket, "\r\n%s", body->ptr ? body->ptr : "");
    close(request->socket);
    rsess_session_free(request->session);
    free(request);
}

/* A store that is out of reach is no reason for a fresh session. */
static void refuse(struct request *request, rsess_status status)
{
    const rsess_buf nothing = {NULL, 0, 0};
    fprintf(stderr, "%s\n", rsess_status_name(status));
    respond(request, "503 Service Unavailable", &nothing, &nothing);
}

/* What follows "Cookie:" in the head of a request; its length is written to len. */
static const char *cookie_header(const char *head, size_t *len)
{
    const char *line = head;
    *len = 0;
    while ((line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, "cookie:", 7) == 0) {
            *len = strcspn(line + 7, "\r");
            return line + 7;
        }
    }
    return NULL;
}

static void start_request(int socket)
{
    char head[MAX_REQUEST + 1];
    struct request *request = calloc(1, sizeof *request);
    ssize_t len = read(socket, head, MAX_REQUEST);
    size_t cookie_len;
    const char *cookie;
    rsess_status status;

    if (request == NULL || len <= 0) {
        close(socket);
        free(request);
        return;
    }
    head[len] = '\0';
    request->socket = socket;
    epoll_ctl(epoll, EPOLL_CTL_DEL, socket, NULL);
    cookie = cookie_header(head, &cookie_len);
    status = rsess_queue_load(queue, engine, cookie, cookie_len, rsess_now_unix_ms(),
                              (uint64_t)(uintptr_t)request, STORE_DEADLINE_MS, NULL);
    if (status != RSESS_OK) {
        refuse(request, status);
    }
}

/* The session is here: the work of the application, and then the commit. */
static void go_on(struct request *request)
{
    rsess_buf visits = {NULL, 0, 0};
    char counted[32];
    int len;
    rsess_status status = rsess_session_get(request->session, "epoll", 5, &visits);

    len = snprintf(counted, sizeof counted, "%d", (visits.ptr ? atoi(visits.ptr) : 0) + 1);
    rsess_buf_free(&visits);
    if (status == RSESS_OK || status == RSESS_NOT_FOUND) {
        status = rsess_session_put(request->session, "epoll", 5, counted, (size_t)len);
    }
    if (status == RSESS_OK) {
        status = rsess_queue_commit(queue, request->session, rsess_now_unix_ms(),
                                    (uint64_t)(uintptr_t)request, STORE_DEADLINE_MS, NULL);
    }
    if (status != RSESS_OK) {
        refuse(request, status);
    }
}

static void complete(rsess_completion *done)
{
    struct request *request = (struct request *)(uintptr_t)done->tag;
    rsess_buf data = {NULL, 0, 0};

    if (rsess_status_category(done->status) != RSESS_CATEGORY_NONE) {
        refuse(request, done->status);
    } else if (done->operation == RSESS_OPERATION_LOAD) {
        request->session = done->session;
        done->session = NULL;
        go_on(request);
    } else {
        rsess_session_data(request->session, &data);
        respond(request, "200 OK", &done->set_cookie, &data);
        rsess_buf_free(&data);
    }
    rsess_completion_free(done);
}

static void drain(void)
{
    rsess_completion done[AT_ONCE];
    size_t count = 0, n;

    require(rsess_queue_drain(queue, done, AT_ONCE, &count) == RSESS_OK, "drain", NULL);
    for (n = 0; n < count; n++) {
        complete(&done[n]);
    }
}

int main(void)
{
    struct epoll_event events[AT_ONCE];
    int listener, hangups, descriptor = -1, running = 1;

    epoll = epoll_create1(EPOLL_CLOEXEC);
    make_engine();
    rsess_queue_descriptor(queue, &descriptor);
    watch(STDIN_FILENO);
    hangups = watch_hangups();
    listener = listen_somewhere();

    while (running) {
        int count = epoll_wait(epoll, events, AT_ONCE, -1), n;
        for (n = 0; n < count; n++) {
            int ready = events[n].data.fd;
            if (ready == listener) {
                int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (socket >= 0) {
                    watch(socket);
                }
            } else if (ready == descriptor) {
                drain();
            } else if (ready == hangups) {
                reload(hangups);
            } else if (ready == STDIN_FILENO) {
                running = 0;
            } else {
                start_request(ready);
            }
        }
    }
    rsess_queue_free(queue);
    rsess_engine_free(engine);
    return EXIT_SUCCESS;
}
