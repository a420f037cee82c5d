"""Counts visits in a session, as a WSGI middleware over ctypes. Needs Python only.

    REDIS_URL=redis://127.0.0.1:6379 SESSION_SECRET=.. RSESS_LIBRARY=.. python3 visits.py

    GET /                   one visit more
    POST /sign-in           alice is signed in
    GET /devices            where she is signed in
    POST /log-out-others    everywhere else she is not any more

It prints the port that it listens on, and ends when its standard input does.
"""

import ctypes
import json
import os
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

OK = 0
NO_FAULT = 0  # RSESS_CATEGORY_NONE

Object = ctypes.c_void_p
Text = [ctypes.c_char_p, ctypes.c_size_t]


class Buf(ctypes.Structure):
    _fields_ = [("ptr", ctypes.c_void_p), ("len", ctypes.c_size_t), ("cap", ctypes.c_size_t)]


lib = ctypes.CDLL(os.environ.get("RSESS_LIBRARY", "librudder_session.so.1"))
OutObject, OutBuf = ctypes.POINTER(Object), ctypes.POINTER(Buf)
OutSize = ctypes.POINTER(ctypes.c_size_t)
# Without these ctypes would cut pointers to 32 bits.
for name, result, *arguments in [
    ("abi_version", ctypes.c_int),
    ("now_unix_ms", ctypes.c_uint64),
    ("status_category", ctypes.c_int, ctypes.c_int),
    ("error_message", ctypes.c_char_p, Object),
    ("error_free", None, Object),
    ("buf_free", None, OutBuf),
    ("config_new", ctypes.c_int, OutObject),
    ("config_set", ctypes.c_int, Object, *Text, *Text, OutObject),
    ("config_free", None, Object),
    ("engine_new", ctypes.c_int, Object, OutObject, OutObject),
    ("engine_free", None, Object),
    ("session_load", ctypes.c_int, Object, *Text, ctypes.c_uint64, OutObject, OutObject),
    ("session_get", ctypes.c_int, Object, *Text, OutBuf),
    ("session_put", ctypes.c_int, Object, *Text, *Text),
    ("session_data", ctypes.c_int, Object, OutBuf),
    ("session_sign_in", ctypes.c_int, Object, *Text, *Text, ctypes.c_uint64, OutObject),
    ("session_devices", ctypes.c_int, Object, ctypes.c_uint64, OutBuf, OutObject),
    ("session_revoke_others", ctypes.c_int, Object, ctypes.c_uint64, OutSize, OutObject),
    ("session_commit", ctypes.c_int, Object, ctypes.c_uint64, OutBuf, OutObject),
    ("session_free", None, Object),
]:
    function = getattr(lib, "rsess_" + name)
    function.restype, function.argtypes = result, arguments

if lib.rsess_abi_version() != 1:
    raise ImportError("this file was written for another librudder_session")


class SessionError(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def check(status, error=None):
    """The status, unless somebody is at fault."""
    if lib.rsess_status_category(status) != NO_FAULT:
        message = lib.rsess_error_message(error).decode() if error else str(status)
        lib.rsess_error_free(error)
        raise SessionError(status, message)
    return status


def text(string):
    data = string.encode()
    return data, len(data)


def take(buf):
    data = ctypes.string_at(buf.ptr, buf.len).decode() if buf.ptr else ""
    lib.rsess_buf_free(ctypes.byref(buf))
    return data


class Engine:
    def __init__(self, **settings):
        config, error, self._engine = Object(), Object(), Object()
        check(lib.rsess_config_new(ctypes.byref(config)))
        try:
            for key, value in settings.items():
                pair = (*text(key.replace("_", ".")), *text(value))
                check(lib.rsess_config_set(config, *pair, ctypes.byref(error)), error)
            made = lib.rsess_engine_new(config, ctypes.byref(self._engine), ctypes.byref(error))
            check(made, error)
        finally:
            lib.rsess_config_free(config)

    def load(self, cookie_header):
        session, error = Object(), Object()
        # WSGI's strings are bytes in latin1.
        header = cookie_header.encode("latin1")
        now = lib.rsess_now_unix_ms()
        check(
            lib.rsess_session_load(
                self._engine, header, len(header), now, ctypes.byref(session), ctypes.byref(error)
            ),
            error,
        )
        return Session(session)

    def __del__(self):
        lib.rsess_engine_free(self._engine)


class Session:
    """A mapping from names to whatever JSON can say."""

    def __init__(self, session):
        self._session = session

    def get(self, key, default=None):
        buf = Buf()
        status = check(lib.rsess_session_get(self._session, *text(key), ctypes.byref(buf)))
        return json.loads(take(buf)) if status == OK else default

    def __setitem__(self, key, value):
        check(lib.rsess_session_put(self._session, *text(key), *text(json.dumps(value))))

    def data(self):
        buf = Buf()
        check(lib.rsess_session_data(self._session, ctypes.byref(buf)))
        return take(buf)

    def sign_in(self, user, label):
        """The session of a user from now on, under another id."""
        error = Object()
        arguments = (*text(user), *text(label), lib.rsess_now_unix_ms())
        check(lib.rsess_session_sign_in(self._session, *arguments, ctypes.byref(error)), error)

    def devices(self):
        """The sessions of the user: handle, label, created, seen, current."""
        buf, error = Buf(), Object()
        now = lib.rsess_now_unix_ms()
        check(
            lib.rsess_session_devices(self._session, now, ctypes.byref(buf), ctypes.byref(error)),
            error,
        )
        return json.loads(take(buf))

    def revoke_others(self):
        """Ends all sessions of the user but this one, and says how many were in use."""
        count, error = ctypes.c_size_t(), Object()
        now, out = lib.rsess_now_unix_ms(), ctypes.byref(count)
        check(
            lib.rsess_session_revoke_others(self._session, now, out, ctypes.byref(error)), error
        )
        return count.value

    def commit(self):
        """The value of a Set-Cookie header, or "" if there is none to send."""
        buf, error = Buf(), Object()
        now = lib.rsess_now_unix_ms()
        check(
            lib.rsess_session_commit(self._session, now, ctypes.byref(buf), ctypes.byref(error)),
            error,
        )
        return take(buf)

    def __del__(self):
        lib.rsess_session_free(self._session)


class SessionMiddleware:
    """Puts the session of a request into environ["session"], and saves it before the headers go."""

    def __init__(self, app, engine):
        self.app, self.engine = app, engine

    def __call__(self, environ, start_response):
        session = environ["session"] = self.engine.load(environ.get("HTTP_COOKIE", ""))

        def with_cookie(status, headers, exc_info=None):
            set_cookie = session.commit()
            if set_cookie:
                headers = [*headers, ("Set-Cookie", set_cookie), ("Cache-Control", "no-store")]
            return start_response(status, headers, exc_info)

        return self.app(environ, with_cookie)


def app(environ, start_response):
    body = answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body.encode()]


def answer(method, path, environ):
    session = environ["session"]
    if (method, path) == ("POST", "/sign-in"):
        # After the password was right.
        session.sign_in("alice", environ.get("HTTP_USER_AGENT", ""))
        # Where the Node package looks for the user.
        session["auth_user_id"] = "alice"
        return json.dumps(session.devices())
    if (method, path) == ("GET", "/devices"):
        return json.dumps(session.devices())
    # Guard it as all forms that change something, against requests of other sites.
    if (method, path) == ("POST", "/log-out-others"):
        return json.dumps({"ended": session.revoke_others()})
    session["python"] = session.get("python", 0) + 1
    return session.data()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    engine = Engine(
        driver="redis",
        redis_url=os.environ["REDIS_URL"],
        secret=os.environ["SESSION_SECRET"],
        cookie_name="sid",
        users="true",
    )
    with make_server("127.0.0.1", 0, SessionMiddleware(app, engine), handler_class=Quiet) as server:
        print(server.server_port, flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        server.shutdown()
