<?php
/*
 * Counts visits in a session, over PHP's FFI: what visits.c does.
 *
 *   REDIS_URL=.. SESSION_SECRET=.. RSESS_LIBRARY=.. RSESS_HEADER=.. HTTP_COOKIE=".." php visits.php
 *
 * In PHP-FPM the declarations are preloaded (ffi.preload), and the engine lives as long as the
 * worker does: keep it in a static, and make it on first use, which is after the fork.
 */

declare(strict_types=1);

final class SessionException extends RuntimeException {}

final class Library
{
    private static ?FFI $ffi = null;

    public static function get(): FFI
    {
        return self::$ffi ??= FFI::cdef(
            (string) file_get_contents((string) getenv('RSESS_HEADER')),
            (string) getenv('RSESS_LIBRARY'),
        );
    }

    /** Throws if somebody is at fault; gives the status otherwise. */
    public static function check(int $status, ?FFI\CData $error = null): int
    {
        $ffi = self::get();
        if ($ffi->rsess_status_category($status) === $ffi->RSESS_CATEGORY_NONE) {
            return $status;
        }
        $message = FFI::string($ffi->rsess_status_name($status));
        if ($error !== null) {
            $message .= ': ' . $ffi->rsess_error_message($error);
            $ffi->rsess_error_free($error);
        }
        throw new SessionException($message, $status);
    }

    /** What `$call` fills a buffer with; null if it says that there is nothing. */
    public static function filled(callable $call): ?string
    {
        $ffi = self::get();
        $buf = $ffi->new('rsess_buf');
        $status = self::check($call(FFI::addr($buf)));
        $text = FFI::isNull($buf->ptr) ? '' : FFI::string($buf->ptr, $buf->len);
        $ffi->rsess_buf_free(FFI::addr($buf));
        return $status === $ffi->RSESS_OK ? $text : null;
    }
}

final class Engine
{
    private FFI\CData $engine;

    /** @param array<string, string> $settings */
    public function __construct(array $settings)
    {
        $ffi = Library::get();
        $config = $ffi->new('rsess_config *');
        $error = $ffi->new('rsess_error *');
        $this->engine = $ffi->new('rsess_engine *');
        Library::check($ffi->rsess_config_new(FFI::addr($config)));
        try {
            foreach ($settings as $key => $value) {
                $status = $ffi->rsess_config_set(
                    $config, $key, strlen($key), $value, strlen($value), FFI::addr($error),
                );
                Library::check($status, $error);
            }
            $status = $ffi->rsess_engine_new($config, FFI::addr($this->engine), FFI::addr($error));
            Library::check($status, $error);
        } finally {
            $ffi->rsess_config_free($config);
        }
    }

    public function load(string $cookieHeader): Session
    {
        $ffi = Library::get();
        $session = $ffi->new('rsess_session *');
        $error = $ffi->new('rsess_error *');
        $status = $ffi->rsess_session_load(
            $this->engine, $cookieHeader, strlen($cookieHeader), $ffi->rsess_now_unix_ms(),
            FFI::addr($session), FFI::addr($error),
        );
        Library::check($status, $error);
        return new Session($session);
    }

    public function __destruct()
    {
        Library::get()->rsess_engine_free($this->engine);
    }
}

final class Session
{
    public function __construct(private FFI\CData $session) {}

    public function get(string $key, mixed $default = null): mixed
    {
        $text = Library::filled(
            fn ($out) => Library::get()->rsess_session_get(
                $this->session, $key, strlen($key), $out,
            ),
        );
        return $text === null ? $default : json_decode($text, true, 512, JSON_THROW_ON_ERROR);
    }

    public function put(string $key, mixed $value): void
    {
        $json = json_encode($value, JSON_THROW_ON_ERROR);
        Library::check(Library::get()->rsess_session_put(
            $this->session, $key, strlen($key), $json, strlen($json),
        ));
    }

    public function data(): string
    {
        return (string) Library::filled(
            fn ($out) => Library::get()->rsess_session_data($this->session, $out),
        );
    }

    /** The Set-Cookie header to send, '' for none. */
    public function commit(): string
    {
        $ffi = Library::get();
        $error = $ffi->new('rsess_error *');
        return (string) Library::filled(function ($out) use ($ffi, $error) {
            $now = $ffi->rsess_now_unix_ms();
            $status = $ffi->rsess_session_commit($this->session, $now, $out, FFI::addr($error));
            return Library::check($status, $error);
        });
    }

    public function __destruct()
    {
        Library::get()->rsess_session_free($this->session);
    }
}

$engine = new Engine([
    'driver' => 'redis',
    'redis.url' => (string) getenv('REDIS_URL'),
    'secret' => (string) getenv('SESSION_SECRET'),
    'cookie.name' => 'sid',
]);
$session = $engine->load((string) getenv('HTTP_COOKIE'));
$session->put('php', $session->get('php', 0) + 1);
$setCookie = $session->commit();
if ($setCookie !== '') {
    echo "Set-Cookie: $setCookie\nCache-Control: no-store\n";
}
echo "Content-Type: application/json\n\n", $session->data(), "\n";
