// Counts visits in a session, as a middleware for net/http over cgo.
//
//	REDIS_URL=redis://127.0.0.1:6379 SESSION_SECRET=.. go run visits.go
//
// It prints the port that it listens on, and ends when its standard input does. pkg-config finds
// the library; PKG_CONFIG_PATH says where, if it is not installed in a usual place.
package main

/*
#cgo pkg-config: rudder_session
#include <stdlib.h>
#include "rudder_session.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"unsafe"
)

// Engine is all that the requests share. Any goroutine may use it: no call of the library
// depends on the thread that it is made from.
type Engine struct{ engine *C.rsess_engine }

// Session is the session of one request.
type Session struct{ session *C.rsess_session }

// chars passes a text for the duration of a call; C does not keep it.
func chars(text string) (*C.char, C.size_t) {
	if text == "" {
		return nil, 0
	}
	return (*C.char)(unsafe.Pointer(&[]byte(text)[0])), C.size_t(len(text))
}

func fault(status uint32, message *C.rsess_error) error {
	defer C.rsess_error_free(message)
	if C.rsess_status_category(C.int(status)) == C.RSESS_CATEGORY_NONE {
		return nil
	}
	name := C.GoString(C.rsess_status_name(C.int(status)))
	return errors.New(name + ": " + C.GoString(C.rsess_error_message(message)))
}

func take(buf *C.rsess_buf) string {
	defer C.rsess_buf_free(buf)
	return C.GoStringN(buf.ptr, C.int(buf.len))
}

// NewEngine makes an engine from settings, such as "redis.url".
func NewEngine(settings map[string]string) (*Engine, error) {
	var config *C.rsess_config
	var message *C.rsess_error
	var engine *C.rsess_engine
	if err := fault(C.rsess_config_new(&config), nil); err != nil {
		return nil, err
	}
	defer C.rsess_config_free(config)
	for key, value := range settings {
		key, keyLen := chars(key)
		value, valueLen := chars(value)
		status := C.rsess_config_set(config, key, keyLen, value, valueLen, &message)
		if err := fault(status, message); err != nil {
			return nil, err
		}
	}
	status := C.rsess_engine_new(config, &engine, &message)
	if err := fault(status, message); err != nil {
		return nil, err
	}
	made := &Engine{engine}
	runtime.SetFinalizer(made, func(it *Engine) { C.rsess_engine_free(it.engine) })
	return made, nil
}

// Load finds the session of a request, or starts a fresh one.
func (engine *Engine) Load(cookieHeader string) (*Session, error) {
	var session *C.rsess_session
	var message *C.rsess_error
	header, headerLen := chars(cookieHeader)
	now := C.rsess_now_unix_ms()
	status := C.rsess_session_load(engine.engine, header, headerLen, now, &session, &message)
	runtime.KeepAlive(engine)
	if err := fault(status, message); err != nil {
		return nil, err
	}
	return &Session{session}, nil
}

// Get gives the JSON text of a value, "" if there is none.
func (session *Session) Get(key string) (string, error) {
	var buf C.rsess_buf
	name, nameLen := chars(key)
	err := fault(C.rsess_session_get(session.session, name, nameLen, &buf), nil)
	return take(&buf), err
}

// Put sets a value, which is JSON text.
func (session *Session) Put(key, json string) error {
	name, nameLen := chars(key)
	value, valueLen := chars(json)
	return fault(C.rsess_session_put(session.session, name, nameLen, value, valueLen), nil)
}

// Data gives all of the session as JSON text.
func (session *Session) Data() (string, error) {
	var buf C.rsess_buf
	err := fault(C.rsess_session_data(session.session, &buf), nil)
	return take(&buf), err
}

// Commit saves the session, and gives the Set-Cookie header to send, "" for none.
func (session *Session) Commit() (string, error) {
	var buf C.rsess_buf
	var message *C.rsess_error
	status := C.rsess_session_commit(session.session, C.rsess_now_unix_ms(), &buf, &message)
	err := fault(status, message)
	return take(&buf), err
}

// Free ends the use of the session.
func (session *Session) Free() { C.rsess_session_free(session.session) }

type key struct{}

// SessionOf is the session of a request that came through the middleware.
func SessionOf(request *http.Request) *Session {
	return request.Context().Value(key{}).(*Session)
}

// Middleware loads the session of each request, and saves it before the first byte goes out.
func (engine *Engine) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		session, err := engine.Load(request.Header.Get("Cookie"))
		if err != nil {
			log.Print(err)
			http.Error(out, "try again later", http.StatusServiceUnavailable)
			return
		}
		defer session.Free()
		saving := &savingWriter{ResponseWriter: out, session: session}
		context := context.WithValue(request.Context(), key{}, session)
		next.ServeHTTP(saving, request.WithContext(context))
		saving.save()
	})
}

type savingWriter struct {
	http.ResponseWriter
	session *Session
	saved   bool
	failed  bool
}

// save says whether the response may go on.
func (out *savingWriter) save() bool {
	if out.saved {
		return !out.failed
	}
	out.saved = true
	setCookie, err := out.session.Commit()
	if err != nil {
		log.Print(err)
		out.failed = true
		http.Error(out.ResponseWriter, "try again later", http.StatusServiceUnavailable)
		return false
	}
	if setCookie != "" {
		out.Header().Add("Set-Cookie", setCookie)
		out.Header().Set("Cache-Control", "no-store")
	}
	return true
}

func (out *savingWriter) WriteHeader(status int) {
	if out.save() {
		out.ResponseWriter.WriteHeader(status)
	}
}

func (out *savingWriter) Write(body []byte) (int, error) {
	if !out.save() {
		return len(body), nil
	}
	return out.ResponseWriter.Write(body)
}

func visits(out http.ResponseWriter, request *http.Request) {
	session := SessionOf(request)
	text, err := session.Get("go")
	if err == nil {
		visits, _ := strconv.Atoi(text)
		err = session.Put("go", strconv.Itoa(visits+1))
	}
	data := ""
	if err == nil {
		data, err = session.Data()
	}
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	io.WriteString(out, data)
}

func main() {
	engine, err := NewEngine(map[string]string{
		"driver":      "redis",
		"redis.url":   os.Getenv("REDIS_URL"),
		"secret":      os.Getenv("SESSION_SECRET"),
		"cookie.name": "sid",
	})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go http.Serve(listener, engine.Middleware(http.HandlerFunc(visits)))
	io.Copy(io.Discard, os.Stdin)
}
